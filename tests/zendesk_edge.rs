//! Stories of the Zendesk edge, told against the fake account.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use secrecy::SecretString;
use serde_json::{Value, json};
use sidethread::bridge::content::{Doc, Names};
use sidethread::bridge::effect::{Act, Effect, EffectId, Reply};
use sidethread::bridge::event::{Answer, Kind, Participant, Reader, State};
use sidethread::bridge::follow_up::ClosedTicket;
use sidethread::bridge::ids::{ChannelId, SideConversationId, SlackUserId, TicketId, ZendeskUserId};
use sidethread::bridge::route::{ChannelRef, OutsidePolicy, RecipientPattern, Route, Target};
use sidethread::bridge::thread::BridgedThread;
use sidethread::config::ZendeskCredential;
use sidethread::engine::clock::{Clock, ManualClock};
use sidethread::engine::outside::{Call, CallError, FeedError};
use sidethread::sandbox::faults::{Dropped, Fault, Rule};
use sidethread::sandbox::zendesk::{
    FakeZendesk, Options, ReplyOnClosed, StartSpec, TicketChange, TicketSpec, Unconfirmed, UserSpec,
};
use sidethread::wire::{Wire, WireError};
use sidethread::zendesk::{Author, House, ZendeskClient};
use tower::ServiceExt as _;

const START: i64 = 1_778_246_568_141;
const BASE: &str = "http://127.0.0.1:8080/zendesk";
const PERMALINK: &str = "https://acme.slack.com/archives/C1/p1766458031859009?thread_ts=1766458000.000100&cid=C1";
/// It was written long before the clock of these tests.
const WRITTEN: &str = "written 2025-12-23 02:47 +00:00";
const CHANNEL: &str = "logistics@acme.example";

/// Calls the fake in this process, and keeps what was sent.
struct InProcess {
    zendesk: FakeZendesk,
    sent: Mutex<Vec<(String, Value)>>,
}

#[async_trait]
impl Wire for InProcess {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        let (mut parts, body) = request.into_parts();
        assert!(parts.uri.to_string().starts_with(BASE), "no credential leaves the account");
        assert_eq!(parts.headers["accept"], "application/json");
        let line = format!("{} {}", parts.method, parts.uri.path());
        self.sent.lock().unwrap().push((line, serde_json::from_slice(&body).unwrap_or_default()));
        parts.uri = parts.uri.path_and_query().unwrap().as_str().parse().unwrap();
        let request = Request::from_parts(parts, Body::from(body));
        let response = self.zendesk.router().oneshot(request).await.unwrap();
        if response.extensions().get::<Dropped>().is_some() {
            return Err(WireError::Broken);
        }
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|_| WireError::Broken)?;
        Ok(Response::from_parts(parts, body))
    }
}

/// Answers what it was given, in order, and keeps the addresses that were asked.
struct Scripted {
    answers: Mutex<Vec<Result<Value, WireError>>>,
    asked: Mutex<Vec<String>>,
}

impl Scripted {
    fn client(answers: Vec<Result<Value, WireError>>) -> (ZendeskClient, Arc<Scripted>) {
        let wire = Arc::new(Scripted { answers: Mutex::new(answers), asked: Mutex::default() });
        let credential = ZendeskCredential::AccessToken(SecretString::from("x"));
        let url = "https://acme.zendesk.com".parse().unwrap();
        (ZendeskClient::new(wire.clone(), Arc::new(ManualClock::new(START)), &url, credential), wire)
    }
}

#[async_trait]
impl Wire for Scripted {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        self.asked.lock().unwrap().push(request.uri().to_string());
        let answer = self.answers.lock().unwrap().remove(0)?;
        Ok(Response::new(Bytes::from(answer.to_string())))
    }
}

struct Nobody;

impl Names for Nobody {
    fn user(&self, _: &SlackUserId) -> Option<String> {
        None
    }
    fn channel(&self, _: &ChannelId) -> Option<String> {
        None
    }
}

struct Account {
    zendesk: FakeZendesk,
    clock: ManualClock,
    wire: Arc<InProcess>,
    client: ZendeskClient,
    ana: i64,
    joe: i64,
    ticket: i64,
}

impl Account {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Unconfirmed)) -> Self {
        Self::of(change, ZendeskCredential::AccessToken(SecretString::from("sandbox-access-token")))
    }

    fn of(change: impl FnOnce(&mut Unconfirmed), credential: ZendeskCredential) -> Self {
        let mut options = Options { limits: false, ..Options::default() };
        change(&mut options.unconfirmed);
        let clock = ManualClock::new(START);
        let now = clock.clone();
        let zendesk = FakeZendesk::new(options, Arc::new(move || now.now_ms()), 7);
        let ana = zendesk.add_user(person("Ana", "ana@acme.example", "agent"));
        let joe = zendesk.add_user(person("Joe", "joe@outside.example", "end-user"));
        let ticket = zendesk.add_ticket(TicketSpec {
            id: Some(35436),
            subject: "My mouse is on fire!".into(),
            description: "It smokes.".into(),
            requester_id: joe,
            priority: Some("high".into()),
            ..TicketSpec::default()
        });
        let wire = Arc::new(InProcess { zendesk: zendesk.clone(), sent: Mutex::default() });
        let url = BASE.parse().unwrap();
        let client = ZendeskClient::new(wire.clone(), Arc::new(clock.clone()), &url, credential);
        client.settle_in(House {
            app_user: ZendeskUserId(zendesk.app_user_id()),
            routes: vec![Route {
                name: "logistics".into(),
                recipients: vec![RecipientPattern::Exact(CHANNEL.into())],
                channel: ChannelRef::Id(ChannelId::new("C1")),
                outside: OutsidePolicy::Never,
                shared: false,
            }],
            channel_domain: Some("slack.acme.example".into()),
            follow_up: Default::default(),
        });
        Account { zendesk, clock, wire, client, ana, joe, ticket }
    }

    /// A side conversation that Ana starts with the channel and others.
    fn started(&self, others: &[&str]) -> BridgedThread {
        let to = [&[CHANNEL], others].concat();
        let id = self.zendesk.start_side_conversation(self.ana, self.ticket, &to, "Help", "<p>Where is it?</p>");
        let mut thread = BridgedThread::new(SideConversationId::new(id), TicketId(self.ticket));
        thread.target = Some(Target {
            route: None,
            channel: ChannelRef::Id(ChannelId::new("C1")),
            outside: OutsidePolicy::Never,
            shared: false,
        });
        thread.starter = Some(Participant { user_id: Some(ZendeskUserId(self.ana)), ..Participant::default() });
        thread
    }

    async fn reply(&self, thread: &BridgedThread) -> Result<Answer, CallError> {
        self.reply_as(thread, "1766458031.859009", "On its way.").await
    }

    async fn reply_as(&self, thread: &BridgedThread, ts: &str, text: &str) -> Result<Answer, CallError> {
        let reply = reply(ts, text);
        let effect = effect(&format!("reply:{ts}"), Act::Reply(reply.clone()));
        let author = Author { name: "Max <M>".into(), zendesk_user: Some(ZendeskUserId(4)) };
        self.client.reply(&call(thread, &effect), &[(&reply, author)], &Nobody).await
    }

    async fn find(&self, thread: &BridgedThread, ts: &str) -> Option<Answer> {
        let effect = effect(&format!("reply:{ts}"), Act::Reply(reply(ts, "")));
        self.find_call(call(thread, &effect)).await
    }

    async fn find_call(&self, call: Call<'_>) -> Option<Answer> {
        self.client.find_replies(&[call]).await.unwrap().remove(0)
    }

    /// The last message of a side conversation.
    fn last(&self, thread: &BridgedThread) -> Value {
        self.zendesk.events(thread.side_conversation_id.as_str()).last().unwrap()["message"].clone()
    }

    fn messages(&self, thread: &BridgedThread) -> usize {
        self.zendesk.events(thread.side_conversation_id.as_str()).len()
    }

    fn to(&self, thread: &BridgedThread) -> Vec<i64> {
        let last = self.last(thread);
        last["to"].as_array().unwrap().iter().filter_map(|one| one["user_id"].as_i64()).collect()
    }

    fn fault(&self, call: &str, fault: Fault, times: u32) {
        self.zendesk.faults().add(Rule { call: call.into(), fault, times: Some(times), percent: None });
    }

    fn calls(&self, name: &str) -> usize {
        self.zendesk.calls().iter().filter(|(call, _)| call == name).count()
    }

    fn pass(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }
}

fn person(name: &str, email: &str, role: &str) -> UserSpec {
    UserSpec { name: name.into(), email: Some(email.into()), role: role.into(), ..UserSpec::default() }
}

fn reply(ts: &str, text: &str) -> Reply {
    let permalink = PERMALINK.replace("1766458031859009", &ts.replace('.', ""));
    let user = SlackUserId::new("U1");
    Reply { ts: ts.parse().unwrap(), user, permalink, doc: Doc::plain(text), files: vec!["a<b>.pdf".into()] }
}

fn effect(id: &str, act: Act) -> Effect {
    Effect { id: EffectId::new(id), order: 0, not_before_ms: 0, act }
}

fn call<'a>(thread: &'a BridgedThread, effect: &'a Effect) -> Call<'a> {
    Call { thread, card: None, effect, with: &[], first_attempt_ms: START, believed: false }
}

fn staff(name: &str) -> Reader {
    Reader { name: name.into(), outside: false }
}

#[tokio::test]
async fn a_reply_reaches_the_agent_who_started_under_its_authors_name() {
    for status in [200, 201] {
        let account = Account::with(|u| u.reply_status = status);
        let thread = account.started(&[]);
        let answer = account.reply(&thread).await.unwrap();
        assert_eq!(answer, Answer::Replied { entry: None, readers: vec![staff("Ana")], left_out: vec![] });
        let message = account.last(&thread);
        assert_eq!(account.to(&thread), [account.ana]);
        assert_eq!(
            message["body"],
            format!("Max <M> in Slack, {WRITTEN} ({PERMALINK}):\nOn its way.\n[File in Slack: a<b>.pdf]")
        );
        assert_eq!(
            message["html_body"],
            format!(
                "<div class=\"zd-comment\"><p><a href=\"{}\"><strong>Max &lt;M&gt; in Slack, {WRITTEN}</strong></a></p><blockquote><p>On its \
                 way.</p></blockquote><p>[File in Slack: a&lt;b&gt;.pdf]</p></div>",
                PERMALINK.replace('&', "&amp;")
            )
        );
        let marker = format!("{}/reply:1766458031.859009", thread.id);
        assert_eq!(message["external_ids"], json!({"sidethread": marker, "sidethread_author": "4"}));
    }
}

#[tokio::test]
async fn the_answer_names_the_entry_where_zendesk_does() {
    let account = Account::with(|u| u.reply_answer_has_event = true);
    let thread = account.started(&[]);
    let Answer::Replied { entry: Some(entry), .. } = account.reply(&thread).await.unwrap() else { panic!() };
    assert_eq!(account.zendesk.events(thread.side_conversation_id.as_str())[1]["id"], entry.as_str());
}

#[tokio::test]
async fn what_somebody_outside_would_read_stays_in_slack_unless_the_route_sends() {
    let account = Account::new();
    let mut thread = account.started(&["joe@outside.example"]);
    let answer = account.reply(&thread).await;
    assert!(matches!(answer, Ok(Answer::Withheld { ref outsiders, .. }) if *outsiders == ["Joe"]), "{answer:?}");
    thread.target = None;
    assert!(matches!(account.reply(&thread).await, Ok(Answer::Withheld { .. })));
    assert_eq!(account.messages(&thread), 1);
    thread.target = Some(Target {
        route: None,
        channel: ChannelRef::Id(ChannelId::new("C1")),
        outside: OutsidePolicy::Send,
        shared: false,
    });
    let Answer::Replied { readers, .. } = account.reply(&thread).await.unwrap() else { panic!() };
    assert!(readers.contains(&Reader { name: "Joe".into(), outside: true }) && readers.contains(&staff("Ana")));
    let mut to = account.to(&thread);
    to.sort_unstable();
    assert_eq!(to, [account.ana, account.joe]);
}

#[tokio::test]
async fn the_suspended_and_the_deleted_are_left_out() {
    let account = Account::new();
    let eve = account.zendesk.add_user(person("Eve", "eve@acme.example", "agent"));
    let bob = account.zendesk.add_user(person("Bob", "bob@acme.example", "agent"));
    let thread = account.started(&["eve@acme.example", "bob@acme.example"]);
    account.zendesk.suspend_user(eve, true);
    account.zendesk.delete_user(bob);
    let Answer::Replied { left_out, .. } = account.reply(&thread).await.unwrap() else { panic!() };
    assert_eq!(left_out, ["Eve", "Bob"]);
    assert_eq!(account.to(&thread), [account.ana]);
}

#[tokio::test]
async fn somebody_suspended_since_the_roles_were_read_is_left_out_on_the_second_try() {
    // Where nothing may go outside the roles are read for each reply, so that the first try is right.
    for (outside, tries) in [(OutsidePolicy::Send, 3), (OutsidePolicy::Never, 2)] {
        let account = Account::new();
        let eve = account.zendesk.add_user(person("Eve", "eve@acme.example", "agent"));
        let mut thread = account.started(&["eve@acme.example"]);
        thread.target =
            Some(Target { route: None, channel: ChannelRef::Id(ChannelId::new("C1")), outside, shared: false });
        account.reply(&thread).await.unwrap();
        account.zendesk.suspend_user(eve, true);
        let Answer::Replied { left_out, .. } = account.reply_as(&thread, "1766458032.000100", "More.").await.unwrap()
        else {
            panic!()
        };
        assert_eq!(left_out, ["Eve"]);
        assert_eq!(account.calls("POST …/reply"), tries);
        assert_eq!(account.messages(&thread), 3);
    }
}

#[tokio::test]
async fn a_reply_refused_for_itself_is_sent_once() {
    let account = Account::new();
    let thread = account.started(&[]);
    let rule = json!({"call": "POST …/reply", "fault": "refused"});
    account.zendesk.faults().add(serde_json::from_value(rule).unwrap());
    assert!(matches!(account.reply(&thread).await, Err(CallError::Refused { .. })));
    assert_eq!(account.calls("POST …/reply"), 1);
}

#[tokio::test]
async fn nothing_is_sent_to_a_ticket_that_is_known_to_be_closed_and_a_refusal_is_looked_into() {
    for status in [400, 403, 404, 422] {
        let account = Account::with(|u| u.reply_on_closed = ReplyOnClosed::Refused(status));
        let thread = account.started(&[]);
        account.client.ticket(thread.ticket_id).await.unwrap();
        let closed = TicketChange { status: Some("closed".into()), ..TicketChange::default() };
        assert!(account.zendesk.set_ticket(account.ticket, closed));
        let closed = Answer::TicketClosed(ClosedTicket::alone(thread.ticket_id));
        assert_eq!(account.reply(&thread).await, Ok(closed.clone()), "{status}");
        assert_eq!(account.calls("POST …/reply"), 1, "what was read was less than a minute old");
        assert_eq!(account.reply(&thread).await, Ok(closed), "{status}");
        assert_eq!(account.calls("POST …/reply"), 1);
    }
}

#[tokio::test]
async fn a_merged_ticket_and_a_follow_up_say_what_they_are() {
    let account = Account::new();
    let closed = TicketChange { tags: Some(vec!["closed_by_merge".into()]), ..TicketChange::default() };
    assert!(account.zendesk.set_ticket(account.ticket, closed));
    let closed = TicketChange { status: Some("closed".into()), ..TicketChange::default() };
    assert!(account.zendesk.set_ticket(account.ticket, closed));
    let now = account.client.ticket(TicketId(account.ticket)).await.unwrap();
    assert!(now.closed && now.merged && now.follows.is_none());
}

#[tokio::test]
async fn where_nobody_takes_part_the_starter_the_assignee_or_the_app_itself_reads() {
    let account = Account::new();
    let app = account.zendesk.app_user_id();
    let spec = StartSpec { to: vec![json!({"email": CHANNEL})], body: Some("Hi".into()), ..StartSpec::default() };
    let id = account.zendesk.start_side_conversation_with(app, account.ticket, spec);
    let mut thread = BridgedThread::new(SideConversationId::new(id), TicketId(account.ticket));

    thread.starter = Some(Participant { user_id: Some(ZendeskUserId(account.ana)), ..Participant::default() });
    account.reply(&thread).await.unwrap();
    assert_eq!(account.to(&thread), [account.ana]);

    let fresh = |starter: i64| {
        let spec = StartSpec { to: vec![json!({"email": CHANNEL})], body: Some("Hi".into()), ..StartSpec::default() };
        let id = account.zendesk.start_side_conversation_with(app, account.ticket, spec);
        let mut thread = BridgedThread::new(SideConversationId::new(id), TicketId(account.ticket));
        thread.starter = Some(Participant { user_id: Some(ZendeskUserId(starter)), ..Participant::default() });
        thread
    };
    let thread = fresh(app);
    assert!(matches!(account.reply(&thread).await, Ok(Answer::Replied { .. })));
    assert_eq!(account.to(&thread), [app]);

    let eve = account.zendesk.add_user(person("Eve", "eve@acme.example", "agent"));
    let change = TicketChange { assignee_id: Some(Some(eve)), ..TicketChange::default() };
    assert!(account.zendesk.set_ticket(account.ticket, change));
    let thread = fresh(app);
    account.reply(&thread).await.unwrap();
    assert_eq!(account.to(&thread), [eve]);

    account.zendesk.suspend_user(account.ana, true);
    account.pass(301);
    let thread = fresh(account.ana);
    let Answer::Replied { left_out, .. } = account.reply(&thread).await.unwrap() else { panic!() };
    assert_eq!((left_out, account.to(&thread)), (vec!["Ana".to_owned()], vec![eve]));

    let thread = fresh(account.joe);
    assert!(matches!(account.reply(&thread).await, Ok(Answer::Withheld { .. })));
}

#[tokio::test]
async fn while_a_role_cannot_be_read_nothing_is_sent() {
    let look_ups = ["GET users/show_many", "GET tickets/{id}/side_conversations/{id}"].iter().flat_map(|call| {
        let faults =
            [Fault::Status { status: 500 }, Fault::DroppedBefore, Fault::Html, Fault::RateLimited { retry_after: 7 }];
        faults.map(|fault| (*call, fault))
    });
    for (name, fault) in look_ups {
        let account = Account::new();
        let thread = account.started(&["joe@outside.example"]);
        account.fault(name, fault.clone(), 1);
        let after = match fault {
            Fault::RateLimited { .. } => Some(Duration::from_secs(7)),
            _ => None,
        };
        let answer = account.reply(&thread).await;
        assert!(
            matches!(&answer, Err(CallError::Later { after: a, .. }) if *a == after),
            "{name} {fault:?} {answer:?}"
        );
        assert_eq!(account.calls("POST …/reply"), 0);
        if after.is_some() {
            let asked = account.calls(name);
            assert!(matches!(account.reply(&thread).await, Err(CallError::Later { after: Some(_), .. })));
            assert_eq!(account.calls(name), asked, "a call that was told to wait is not made to learn it again");
            account.pass(7);
        }
        assert!(matches!(account.reply(&thread).await, Ok(Answer::Withheld { .. })));
    }
}

#[tokio::test]
async fn an_audience_is_at_most_a_minute_old() {
    let account = Account::new();
    let thread = account.started(&[]);
    let shown = "GET tickets/{id}/side_conversations/{id}";
    account.reply(&thread).await.unwrap();
    account.pass(59);
    account.reply_as(&thread, "1766458032.000100", "Two").await.unwrap();
    // Who takes part may be a minute old; what they are is read for each reply, in one call for all.
    assert_eq!((account.calls(shown), account.calls("GET users/show_many")), (1, 2));
    account.zendesk.reply_by_mail("zoe@outside.example", thread.side_conversation_id.as_str(), "Me too");
    account.pass(1);
    let answer = account.reply_as(&thread, "1766458033.000100", "Three").await.unwrap();
    assert!(matches!(answer, Answer::Withheld { ref outsiders, .. } if *outsiders == ["zoe"]), "{answer:?}");
    assert_eq!(account.calls(shown), 2);
}

#[tokio::test]
async fn a_newcomer_whom_a_read_of_the_ticket_shows_counts_at_once() {
    let account = Account::new();
    let thread = account.started(&[]);
    account.reply(&thread).await.unwrap();
    account.zendesk.reply_by_mail("zoe@outside.example", thread.side_conversation_id.as_str(), "Me too");
    account.client.read_ticket(TicketId(account.ticket)).await.unwrap();
    assert!(matches!(account.reply(&thread).await, Ok(Answer::Withheld { .. })));
}

#[tokio::test]
async fn a_doubtful_reply_is_found_with_and_without_its_marker() {
    for echoed in [true, false] {
        for fault in [Fault::DroppedAfter, Fault::ErrorAfter, Fault::Html] {
            let account = Account::with(|u| u.external_ids_echoed = echoed);
            let thread = account.started(&[]);
            assert_eq!(account.find(&thread, "1766458031.859009").await, None);
            account.fault("POST …/reply", fault, 1);
            assert!(matches!(account.reply(&thread).await, Err(CallError::Unknown { .. })));
            let Some(Answer::Replied { entry: Some(entry), readers, left_out }) =
                account.find(&thread, "1766458031.859009").await
            else {
                panic!()
            };
            assert_eq!(account.zendesk.events(thread.side_conversation_id.as_str())[1]["id"], entry.as_str());
            assert!(readers.is_empty() && left_out.is_empty());
        }
    }
}

#[tokio::test]
async fn a_reply_that_quotes_the_address_of_another_is_not_taken_for_it() {
    for echoed in [true, false] {
        let account = Account::with(|u| u.external_ids_echoed = echoed);
        let thread = account.started(&[]);
        account.reply_as(&thread, "1766458099.000100", &format!("See {PERMALINK}")).await.unwrap();
        account.zendesk.reply(account.ana, thread.side_conversation_id.as_str(), &format!("<p>{PERMALINK}</p>"));
        assert_eq!(account.find(&thread, "1766458031.859009").await, None);
        assert!(account.find(&thread, "1766458099.000100").await.is_some());
    }
}

#[tokio::test]
async fn replies_that_travelled_together_are_found_together_and_each_alone() {
    let all = ["1766458031.859009", "1766458032.000100", "1766458033.000200"];
    for echoed in [true, false] {
        let account = Account::with(|u| u.external_ids_echoed = echoed);
        let thread = account.started(&[]);
        let replies: Vec<Reply> = all.iter().map(|ts| reply(ts, &format!("said at {ts}"))).collect();
        let effects = |some: &[Reply]| -> Vec<Arc<Effect>> {
            some.iter().map(|r| Arc::new(effect(&format!("reply:{}", r.ts), Act::Reply(r.clone())))).collect()
        };
        let author = |name: &str| Author { name: name.into(), zendesk_user: Some(ZendeskUserId(4)) };
        let together = effects(&replies);
        let bundle = || Call { with: &together[1..], ..call(&thread, &together[0]) };
        let authors = [(&replies[0], author("Max")), (&replies[1], author("Mo")), (&replies[2], author("Max"))];
        assert_eq!(account.find_call(bundle()).await, None);
        account.client.reply(&bundle(), &authors, &Nobody).await.unwrap();
        let body = account.last(&thread)["body"].as_str().unwrap().to_owned();
        let heads: Vec<&str> = body.lines().filter(|line| line.ends_with("):")).collect();
        assert_eq!(heads.len(), 3, "{body}");
        assert!(heads[1].starts_with("Mo in Slack, ") && heads[1].contains("2025-12-23 02:47"), "{body}");
        assert!(account.find_call(bundle()).await.is_some());
        for ts in all {
            assert!(account.find(&thread, ts).await.is_some(), "{echoed} {ts}");
        }
        assert_eq!(account.find(&thread, "1766458034.000300").await, None);
        let more = effects(&[replies[1].clone(), reply("1766458034.000300", "another")]);
        let other = Call { with: &more[1..], ..call(&thread, &more[0]) };
        assert_eq!(account.find_call(other).await, None);
    }
}

#[tokio::test]
async fn a_reply_is_found_on_the_second_page() {
    let account = Account::new();
    let thread = account.started(&[]);
    for _ in 0..120 {
        account.zendesk.reply(account.ana, thread.side_conversation_id.as_str(), "<p>And?</p>");
    }
    account.reply(&thread).await.unwrap();
    assert!(account.find(&thread, "1766458031.859009").await.is_some());
    assert_eq!(account.calls("GET …/events"), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_work_is_as_doubtful() {
    let account = Account::new();
    let thread = account.started(&[]);
    account.fault("POST …/reply", Fault::DroppedBefore, 1);
    assert!(matches!(account.reply(&thread).await, Err(CallError::Unknown { .. })));
    assert_eq!(account.find(&thread, "1766458031.859009").await, None);
}

#[tokio::test]
async fn a_state_is_set_and_says_when() {
    let account = Account::new();
    let thread = account.started(&[]);
    account.pass(5);
    let act = Act::SetState { state: State::Closed, user: SlackUserId::new("U1"), name: "Max".into() };
    let effect = effect("state:1", act);
    let answer = account.client.set_state(&call(&thread, &effect), State::Closed).await;
    assert_eq!(answer, Ok(Answer::StateSet { updated_at_ms: START + 5000 }));
    let shown = account.zendesk.side_conversation(thread.side_conversation_id.as_str()).unwrap();
    assert_eq!(shown["state"], "closed");
    let entries = account.client.read_ticket(TicketId(account.ticket)).await.unwrap();
    assert_eq!(entries[1].kind, Kind::Update { state: Some(State::Closed) });
    let gone = BridgedThread::new(SideConversationId::new("../../users/me"), TicketId(account.ticket));
    let answer = account.client.set_state(&call(&gone, &effect), State::Open).await;
    assert!(matches!(answer, Err(CallError::Missing { reason, .. }) if reason.contains("does not exist")));
}

#[tokio::test]
async fn a_note_is_internal_and_is_found_among_many() {
    let account = Account::new();
    let thread = account.started(&[]);
    let effect = effect("note:channel:1", Act::Note { text: "Invite the app.".into() });
    let call = call(&thread, &effect);
    assert_eq!(account.client.find_note(&call).await, Ok(None));
    account.fault("PUT tickets/{id}", Fault::DroppedAfter, 1);
    assert!(matches!(account.client.note(&call, "Invite the app.").await, Err(CallError::Unknown { .. })));
    let note = account.zendesk.comments(account.ticket).pop().unwrap();
    assert_eq!(note["public"], false);
    let body = note["body"].as_str().unwrap();
    assert!(body.starts_with("Invite the app.\n\n(Sidethread reference ") && body.len() == 48, "{body}");
    assert_eq!(note["metadata"]["custom"]["sidethread"], call.marker());
    for i in 0..150 {
        account.zendesk.add_comment(account.ticket, account.ana, &format!("Comment {i}"), true);
    }
    assert_eq!(account.client.find_note(&call).await, Ok(Some(Answer::Done)));
}

#[tokio::test]
async fn a_note_is_known_by_its_visible_reference_and_a_search_ends() {
    let account = Account::new();
    let thread = account.started(&[]);
    let effect = effect("note:1", Act::Note { text: String::new() });
    let call = call(&thread, &effect);
    account.client.note(&call, "Hello.").await.unwrap();
    let body = account.zendesk.comments(account.ticket).pop().unwrap()["body"].as_str().unwrap().to_owned();
    let other = Account::new();
    other.zendesk.add_comment(other.ticket, other.ana, &body, false);
    assert_eq!(other.client.find_note(&call).await, Ok(Some(Answer::Done)));
    for i in 0..300 {
        other.zendesk.add_comment(other.ticket, other.ana, &format!("Comment {i}"), true);
    }
    other.zendesk.clear_calls();
    assert_eq!(other.client.find_note(&call).await, Ok(None));
    assert_eq!(other.calls("GET tickets/{id}/comments"), 3);
}

#[tokio::test]
async fn the_card_shows_the_ticket_and_every_message() {
    let account = Account::new();
    let thread = account.started(&["joe@outside.example"]);
    account.pass(1);
    account.zendesk.reply(account.joe, thread.side_conversation_id.as_str(), "<p>Soon?</p>");
    let effect = effect("read", Act::Note { text: String::new() });
    let mut new = BridgedThread::new(thread.side_conversation_id.clone(), thread.ticket_id);
    new.starter = None;
    let answer = account.client.prepare(&call(&new, &effect), thread.ticket_id, &thread.side_conversation_id).await;
    let Ok(Answer::TicketRead(read)) = answer else { panic!() };
    assert_eq!(read.ticket.subject.as_deref(), Some("My mouse is on fire!"));
    assert_eq!(read.ticket.requester.as_deref(), Some("Joe"));
    assert_eq!((read.ticket.priority.as_deref(), read.ticket.status.as_deref()), (Some("high"), Some("open")));
    assert_eq!(read.ticket.assignee, None);
    assert!(read.readers.contains(&Reader { name: "Joe".into(), outside: true }));
    assert_eq!(read.entries.iter().map(|one| one.kind.clone()).collect::<Vec<_>>(), [Kind::Create, Kind::Reply]);
    assert_eq!(read.entries[0].about.as_ref().map(|about| about.subject.as_str()), Some("Help"));
}

#[tokio::test]
async fn a_ticket_is_read_whole_with_what_is_known_of_each_side_conversation() {
    let account = Account::new();
    for _ in 0..130 {
        account.started(&[]);
    }
    let entries = account.client.read_ticket(TicketId(account.ticket)).await.unwrap();
    assert_eq!(entries.len(), 130);
    let about = entries[129].about.as_ref().unwrap();
    assert_eq!((about.state, about.created_at_ms), (State::Open, START));
    assert_eq!(entries[0].actor.shown(), Some("Ana"));
    assert_eq!(account.calls("GET tickets/{id}/side_conversations"), 2);
    assert!(matches!(account.client.read_ticket(TicketId(9)).await, Err(CallError::Missing { .. })));
}

#[tokio::test]
async fn the_feed_is_read_page_by_page() {
    for always in [false, true] {
        let account = Account::with(|u| u.feed_always_has_next_page = always);
        for _ in 0..150 {
            account.started(&[]);
            account.pass(1);
        }
        let start = START / 1000;
        let first = account.client.read_feed(start).await.unwrap();
        assert_eq!((first.entries.len(), first.next_start), (100, Some(start + 99)));
        let second = account.client.read_feed(start + 99).await.unwrap();
        assert_eq!((second.entries.len(), second.next_start), (51, always.then_some(start + 150)));
        assert!(second.entries.iter().all(|entry| entry.about.is_some()));
    }
}

#[tokio::test]
async fn the_feed_tells_why_it_gives_nothing() {
    let account = Account::with(|u| u.young_start_time_refused = true);
    let now = START / 1000;
    assert_eq!(account.client.read_feed(now - 5).await.err(), Some(FeedError::TooYoung));
    assert!(account.client.read_feed(now - 61).await.is_ok());
    assert!(matches!(account.client.read_feed(-500).await, Err(FeedError::Call(CallError::Refused { .. }))));
    account.fault("GET side_conversations/events", Fault::ErrorAfter, 1);
    assert!(matches!(account.client.read_feed(now - 61).await, Err(FeedError::Call(CallError::Later { .. }))));

    let token = account.zendesk.token_of(account.ana).unwrap();
    let credential = ZendeskCredential::AccessToken(SecretString::from(token));
    let url = BASE.parse().unwrap();
    let client = ZendeskClient::new(account.wire.clone(), Arc::new(account.clock.clone()), &url, credential);
    assert_eq!(client.read_feed(now - 61).await.err(), Some(FeedError::NotAdmin));
    assert!(!client.identify().await.unwrap().admin);
}

#[tokio::test]
async fn every_credential_tells_who_it_is() {
    let secret = |text: &str| SecretString::from(text.to_owned());
    let api = |token: &str| ZendeskCredential::ApiToken { email: "bridge@example.com".into(), token: secret(token) };
    let client = |s: &str| ZendeskCredential::Client { id: "sandbox_client".into(), secret: secret(s) };
    let good = [
        api("sandbox-api-token"),
        client("sandbox-client-secret"),
        ZendeskCredential::AccessToken(secret("sandbox-access-token")),
    ];
    for credential in good {
        let account = Account::of(|_| {}, credential);
        let identity = account.client.identify().await.unwrap();
        assert_eq!((identity.user_id.0, identity.admin), (account.zendesk.app_user_id(), true));
    }
    for credential in [api("wrong"), client("wrong"), ZendeskCredential::AccessToken(secret("wrong\n"))] {
        let account = Account::of(|_| {}, credential);
        assert!(matches!(account.client.identify().await, Err(CallError::Paused { .. })));
        let read = account.client.read_ticket(TicketId(account.ticket)).await;
        assert!(matches!(read, Err(CallError::Paused { .. })), "{read:?}");
    }
}

#[tokio::test]
async fn a_client_renews_its_token_before_it_ends_and_when_it_is_refused() {
    let secret = SecretString::from("sandbox-client-secret");
    let account = Account::of(|_| {}, ZendeskCredential::Client { id: "sandbox_client".into(), secret });
    let ticket = TicketId(account.ticket);
    let (one, two) = tokio::join!(account.client.read_ticket(ticket), account.client.read_ticket(ticket));
    assert!(one.is_ok() && two.is_ok());
    account.pass(1739);
    account.client.read_ticket(ticket).await.unwrap();
    assert_eq!(account.calls("POST oauth/tokens"), 1);
    account.pass(1);
    account.client.read_ticket(ticket).await.unwrap();
    assert_eq!(account.calls("POST oauth/tokens"), 2);

    let thread = account.started(&[]);
    account.fault("POST …/reply", Fault::TokenRevoked, 1);
    assert!(matches!(account.reply(&thread).await, Ok(Answer::Replied { .. })));
    assert_eq!((account.calls("POST oauth/tokens"), account.messages(&thread)), (3, 2));
    account.fault("POST …/reply", Fault::TokenRevoked, 2);
    assert!(matches!(account.reply(&thread).await, Err(CallError::Paused { .. })));

    account.pass(1800);
    account.fault("POST oauth/tokens", Fault::RateLimited { retry_after: 9 }, 1);
    let later = CallError::Later { after: Some(Duration::from_secs(9)), problem: "HTTP 429".into() };
    assert_eq!(account.client.read_ticket(ticket).await, Err(later));
    account.fault("POST oauth/tokens", Fault::DroppedAfter, 1);
    assert!(matches!(account.reply(&thread).await, Err(CallError::Later { .. })));
    let sent = account.wire.sent.lock().unwrap();
    let (line, body) = &sent[0];
    assert_eq!(line, "POST /zendesk/oauth/tokens");
    assert_eq!((&body["grant_type"], &body["scope"]), (&json!("client_credentials"), &json!("read write")));
}

#[tokio::test]
async fn a_limit_in_plain_text_is_obeyed_and_a_write_is_not_done() {
    let account = Account::new();
    let thread = account.started(&[]);
    account.fault("POST …/reply", Fault::RateLimited { retry_after: 93 }, 2);
    for _ in 0..2 {
        let later = CallError::Later { after: Some(Duration::from_secs(93)), problem: "HTTP 429".into() };
        assert_eq!(account.reply(&thread).await, Err(later));
    }
    assert_eq!(account.messages(&thread), 1);
}

#[tokio::test]
async fn an_address_is_compared_and_remembered() {
    let account = Account::new();
    account.zendesk.add_user(person("Other Ana", "ana@acme.example.org", "end-user"));
    let found = account.client.user_by_email(" Ana@ACME.example").await.unwrap();
    assert_eq!(found, Some(ZendeskUserId(account.ana)));
    assert_eq!(account.client.user_by_email("an@acme.example").await, Ok(None));
    account.client.user_by_email("ana@acme.example").await.unwrap();
    account.client.user_by_email("an@acme.example").await.unwrap();
    assert_eq!(account.calls("GET users/search"), 2);
    account.pass(300);
    account.client.user_by_email("ana@acme.example").await.unwrap();
    account.client.user_by_email("an@acme.example").await.unwrap();
    assert_eq!(account.calls("GET users/search"), 3);
    assert_eq!(account.client.user_by_email("a&query=b+c@x.example").await, Ok(None));
}

#[test]
fn people_find_a_ticket_by_its_address() {
    let account = Account::new();
    assert_eq!(account.client.ticket_url(TicketId(123)), format!("{BASE}/agent/tickets/123"));
    let url = "https://acme.zendesk.com".parse().unwrap();
    let credential = ZendeskCredential::AccessToken(SecretString::from("x"));
    let client = ZendeskClient::new(account.wire.clone(), Arc::new(account.clock.clone()), &url, credential);
    assert_eq!(client.ticket_url(TicketId(123)), "https://acme.zendesk.com/agent/tickets/123");
}

#[tokio::test]
async fn a_page_on_another_host_is_read_on_the_configured_one() {
    let event = |id: &str| json!({"id": id, "type": "create", "created_at": "2026-05-08T13:22:48.141Z"});
    let (client, wire) = Scripted::client(vec![
        Ok(
            json!({"events": [event("a")], "next_page": "https://evil.example:444/x/api/v2/tickets/7/side_conversations.json?page=2&a=%26"}),
        ),
        Ok(
            json!({"events": [event("b"), null], "next_page": "https://acme.zendesk.com:443/api/v2/tickets/7/side_conversations.json?page=3"}),
        ),
        Ok(json!({"events": [], "next_page": null})),
    ]);
    let entries = client.read_ticket(TicketId(7)).await.unwrap();
    assert_eq!(entries.iter().map(|one| one.side_conversation_id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(
        *wire.asked.lock().unwrap(),
        [
            "https://acme.zendesk.com/api/v2/tickets/7/side_conversations?include=side_conversation_events",
            "https://acme.zendesk.com/api/v2/tickets/7/side_conversations.json?page=2&a=%26",
            "https://acme.zendesk.com/api/v2/tickets/7/side_conversations.json?page=3",
        ]
    );
}

#[tokio::test]
async fn half_a_list_is_no_list() {
    let same = "https://acme.zendesk.com/api/v2/tickets/7/side_conversations?page=2";
    for next in ["nonsense", "https://acme.zendesk.com/elsewhere?page=2", same] {
        let page = || Ok(json!({"events": [], "next_page": next}));
        let (client, _) = Scripted::client(vec![page(), page()]);
        assert!(matches!(client.read_ticket(TicketId(7)).await, Err(CallError::Later { .. })), "{next}");
    }
}

#[tokio::test]
async fn an_actor_without_a_name_is_looked_up_and_a_failing_look_up_delays_the_read() {
    let page = || {
        Ok(json!({"events": [{"id": "a", "type": "create", "created_at": "2026-05-08T13:22:48.141Z",
                              "actor": {"user_id": "12", "name": null}}]}))
    };
    let users = Ok(json!({"users": [{"id": 12, "name": "Ana", "role": "agent"}]}));
    let (client, wire) = Scripted::client(vec![page(), Err(WireError::TimedOut), page(), Ok(json!({})), page(), users]);
    for _ in 0..2 {
        assert!(matches!(client.read_ticket(TicketId(7)).await, Err(CallError::Later { .. })));
    }
    assert_eq!(client.read_ticket(TicketId(7)).await.unwrap()[0].actor.shown(), Some("Ana"));
    assert_eq!(wire.asked.lock().unwrap()[1], "https://acme.zendesk.com/api/v2/users/show_many?ids=12");
}

#[tokio::test]
async fn a_feed_page_without_a_start_in_its_next_page_goes_on_at_its_end() {
    let page =
        json!({"events": [], "end_time": "1778246600", "next_page": "https://acme.zendesk.com/api/v2/x?cursor=1"});
    let (client, _) = Scripted::client(vec![Ok(page), Err(WireError::NotSent)]);
    assert_eq!(client.read_feed(1).await.unwrap().next_start, Some(1_778_246_600));
    assert!(matches!(client.read_feed(1).await, Err(FeedError::Call(CallError::Later { .. }))));
}

#[tokio::test]
async fn before_the_client_has_settled_in_nothing_is_sent() {
    let account = Account::new();
    let thread = account.started(&[]);
    let credential = ZendeskCredential::AccessToken(SecretString::from("sandbox-access-token"));
    let url = BASE.parse().unwrap();
    let client = ZendeskClient::new(account.wire.clone(), Arc::new(account.clock.clone()), &url, credential);
    let reply = reply("1766458031.859009", "Hi");
    let effect = effect("reply:1", Act::Reply(reply.clone()));
    let author = Author { name: "Max".into(), zendesk_user: None };
    let answer = client.reply(&call(&thread, &effect), &[(&reply, author)], &Nobody).await;
    assert!(matches!(answer, Err(CallError::Later { .. })));
    assert_eq!(account.messages(&thread), 1);
}
