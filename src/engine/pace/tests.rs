use super::*;

const WRITES: Budget = Budget::ZendeskWrites;

fn pace(calls: u32, secs: u64) -> Pace {
    Pace::new(Limits { zendesk_writes: Limit::new(calls, secs), ..Limits::default() })
}

fn posts(channel: &str) -> Budget {
    Budget::SlackPosts(ChannelId::new(channel))
}

#[test]
fn a_quiet_budget_is_free_at_once_and_a_full_one_when_its_oldest_call_is_old_enough() {
    let mut pace = pace(3, 10);
    for now in [0, 1000, 2000] {
        assert_eq!(pace.when(&WRITES, now), now);
        pace.call(&WRITES, now);
    }
    assert_eq!(pace.when(&WRITES, 2500), 10_000);
    pace.call(&WRITES, 10_000);
    assert_eq!(pace.when(&WRITES, 10_000), 11_000);
}

#[test]
fn never_more_than_the_limit_in_any_stretch_and_no_slower_than_that() {
    let mut pace = pace(5, 10);
    let mut times: Vec<i64> = Vec::new();
    let mut now = 0;
    for _ in 0..40 {
        now = pace.when(&WRITES, now).max(now);
        pace.call(&WRITES, now);
        times.push(now);
    }
    for start in &times {
        assert!(times.iter().filter(|at| (*start..*start + 10_000).contains(at)).count() <= 5);
    }
    assert_eq!(now, 70_000);
}

#[test]
fn a_flood_gets_half_at_once_and_then_a_share_while_the_others_call_at_once() {
    let mut pace = pace(300, 600);
    let mut now = 0;
    let mut times = Vec::new();
    while now < 1_800_000 {
        now = pace.when_rationed(&WRITES, now).max(now);
        assert!(pace.when(&WRITES, now) <= now, "another would wait at {now}");
        pace.call(&WRITES, now);
        times.push(now);
    }
    assert_eq!(times.iter().filter(|at| **at == 0).count(), 150);
    for start in &times {
        assert!(times.iter().filter(|at| (*start..*start + 600_000).contains(at)).count() <= 300);
    }
    let longest = times.windows(2).map(|two| two[1] - two[0]).max().unwrap();
    assert!(longest < 10_000, "a flood stands still for {longest} ms");
    assert!(times.len() > 750, "{} calls in half an hour", times.len());
}

#[test]
fn a_later_holds_its_budget_and_no_other() {
    let mut pace = Pace::default();
    pace.hold(&posts("C1"), 0, 30_000);
    assert_eq!(pace.when(&posts("C1"), 0), 30_000);
    assert_eq!(pace.when(&posts("C2"), 0), 0);
    assert_eq!(pace.when(&WRITES, 0), 0);
    pace.forget(29_000);
    assert_eq!(pace.when(&posts("C1"), 29_000), 30_000);
    assert!(pace.is_short(&posts("C1"), 2, 31_000), "it has just been refused");
    pace.forget(41_000);
    assert_eq!(pace.when(&posts("C1"), 41_000), 41_000);
    assert!(!pace.is_short(&posts("C1"), 2, 41_000));
}

#[test]
fn a_later_holds_the_wider_budget_where_that_one_is_the_fuller() {
    let note = |ticket| Budget::ZendeskTicket(TicketId(ticket));
    let mut pace = Pace::default();
    for ticket in 0..90 {
        pace.call(&note(ticket), 0);
    }
    pace.hold(&note(1), 0, 20_000);
    assert_eq!(pace.when(&note(7), 0), 20_000);
    let mut pace = Pace::default();
    for _ in 0..20 {
        pace.call(&note(1), 0);
    }
    pace.hold(&note(1), 0, 20_000);
    assert_eq!((pace.when(&note(1), 0), pace.when(&note(7), 0)), (20_000, 0));
}

#[test]
fn a_call_counts_in_the_wider_budget_and_one_that_was_not_made_does_not() {
    let mut pace = Pace::new(Limits { slack_posts_together: Limit::new(2, 60), ..Limits::default() });
    pace.call(&posts("C1"), 0);
    pace.call(&posts("C2"), 0);
    assert_eq!(pace.when(&posts("C3"), 0), 60_000);
    pace.not_called(&posts("C2"));
    assert_eq!(pace.when(&posts("C3"), 0), 0);
    assert_eq!(pace.when(&posts("C2"), 0), 0);
    assert_eq!(pace.when(&posts("C1"), 0), 1000);
}

#[test]
fn what_is_left_of_the_plan_holds_reads_first_and_everything_last() {
    let mut pace = Pace::default();
    pace.learn(Plan { total: 700, left: 100, resets_at_ms: 40_000 });
    assert_eq!(pace.when_read(&Budget::ZendeskPlan, 0), 0);
    pace.learn(Plan { total: 700, left: 50, resets_at_ms: 40_000 });
    assert_eq!((pace.when_read(&Budget::ZendeskFeed, 0), pace.when(&WRITES, 0)), (40_000, 0));
    pace.learn(Plan { total: 700, left: 0, resets_at_ms: 40_000 });
    assert_eq!((pace.when(&WRITES, 0), pace.when(&posts("C1"), 0)), (40_000, 0));
    assert!(pace.when(&WRITES, 41_000) <= 41_000);
}

#[test]
fn catch_up_uses_half_of_a_methods_budget_and_counts_in_the_whole() {
    let mut pace = Pace::default();
    let (catch_up, method) =
        (Budget::SlackCatchUp("conversations.replies"), Budget::SlackMethod("conversations.replies"));
    let mut now = 0;
    let mut made = 0;
    while now < 60_000 {
        pace.call(&catch_up, now);
        made += 1;
        now = pace.when(&catch_up, now);
    }
    assert_eq!(made, 25);
    for _ in 0..25 {
        assert_eq!(pace.when(&method, 59_000), 59_000);
        pace.call(&method, 59_000);
    }
    assert!(pace.when(&method, 59_000) > 59_000);
}

#[test]
fn budget_is_short_when_the_last_of_those_who_wait_would_wait_for_long() {
    let mut pace = Pace::default();
    assert!(!pace.is_short(&WRITES, 150, 0));
    assert!(pace.is_short(&WRITES, 200, 0));
    assert!(!pace.is_short(&posts("C1"), 3, 0));
    assert!(pace.is_short(&posts("C1"), 10, 0));
    assert!(!pace.is_short(&WRITES, 2, 0));
    pace.hold(&WRITES, 0, 30_000);
    assert!(pace.is_short(&WRITES, 2, 0));
    assert!(!pace.is_short(&WRITES, 1, 0), "one alone has nobody to travel with");
}

#[test]
fn a_limit_of_nothing_is_none() {
    let mut pace = pace(0, 600);
    for _ in 0..1000 {
        pace.call(&WRITES, 0);
    }
    assert_eq!(pace.when_rationed(&WRITES, 0), 0);
    assert!(!pace.is_short(&WRITES, 100_000, 0));
}
