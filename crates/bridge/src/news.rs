//! What the assignee of a ticket is told of a thread that was answered.

use serde::{Deserialize, Serialize};

use super::ids::{SlackUserId, TicketId};

/// Answers in one thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The side conversation's subject.
    #[serde(default)]
    pub subject: String,
    /// The thread's address.
    pub link: String,
    /// Who answered.
    pub by: Vec<SlackUserId>,
    /// Whether somebody else answered, of whom nothing is known any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_others: bool,
    /// How many answers there are.
    pub answers: u32,
}

/// Puts together what is told of the same thread.
pub fn gathered(news: impl IntoIterator<Item = News>) -> Vec<News> {
    let mut all: Vec<News> = Vec::new();
    for one in news {
        match all.iter_mut().find(|known| known.link == one.link) {
            Some(known) => {
                known.answers += one.answers;
                known.by_others |= one.by_others;
                let more: Vec<SlackUserId> = one.by.into_iter().filter(|user| !known.by.contains(user)).collect();
                known.by.extend(more);
            }
            None => all.push(one),
        }
    }
    all
}

/// What is left without the news of a ticket and of the threads at these addresses.
pub fn without(news: &[News], ticket_id: TicketId, links: &[String]) -> Vec<News> {
    let stays = |one: &&News| one.ticket_id != ticket_id && !links.contains(&one.link);
    news.iter().filter(stays).cloned().collect()
}

/// The same without the name of somebody who answered.
pub fn without_whom(news: &[News], user: &SlackUserId) -> Vec<News> {
    let forgotten = |one: &News| {
        let mut one = one.clone();
        one.by_others |= one.by.contains(user);
        one.by.retain(|by| by != user);
        one
    };
    news.iter().map(forgotten).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_told_of_once() {
        let news = |link: &str, by: &str, answers| News {
            ticket_id: TicketId(1),
            subject: String::new(),
            link: link.to_owned(),
            by: vec![SlackUserId::new(by)],
            by_others: false,
            answers,
        };
        let all = gathered([news("a", "U1", 1), news("b", "U1", 1), news("a", "U2", 2), news("a", "U1", 1)]);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].answers, all[0].by.len(), all[1].answers), (4, 2, 1));
    }
}
