//! What has to be so in the end.

use super::*;
use sidethread::engine::park::Wished;

impl Simulation {
    pub async fn check(&self, engine: &Engine, overtaken: &BTreeSet<String>) -> Result<(), String> {
        let mut wrong = String::new();
        let mut fail = |text: String| {
            let _ = write!(wrong, "\n- {text}");
        };
        if !engine.is_idle() {
            fail(format!("something still waits: {:?}", engine.report()));
        }
        let parked = engine.store().parked().await.unwrap();
        if !parked.is_empty() {
            fail(format!("something is parked: {parked:?}"));
        }
        let mut slack = Vec::new();
        let mut markers = BTreeSet::new();
        let mut cards: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for channel in self.house.slack.channels() {
            let channel = channel["id"].as_str().unwrap().to_owned();
            for message in self.house.slack.messages(&channel) {
                let ts = message["ts"].as_str().unwrap_or_default().to_owned();
                let root = message["thread_ts"].as_str().map_or(ts.clone(), str::to_owned);
                let text =
                    format!("{}\n{}", message["text"].as_str().unwrap_or_default(), house::texts(&message["blocks"]));
                if let Some(marker) = message["metadata"]["event_payload"]["k"].as_str() {
                    BUNDLES.fetch_add(u64::from(marker.contains("/bundle:")), Ordering::Relaxed);
                    if !markers.insert(marker.to_owned()) {
                        fail(format!("two messages in Slack are {marker}"));
                    }
                    if let Some((id, "card")) = marker.rsplit_once('/') {
                        cards.entry(id.to_owned()).or_default().push((channel.clone(), ts.clone()));
                    }
                }
                slack.push((channel.clone(), root, tokens(&text)));
            }
        }
        let mut zendesk: Vec<(usize, String, Vec<String>)> = Vec::new();
        let talk_of = |token: &String| self.words.iter().find(|word| word.token == *token).map(|word| word.talk);
        // What a copy repeats is no word of its own: it has its time.
        let mut seen = BTreeSet::new();
        // In which side conversation a word was said.
        let mut said_in: BTreeMap<String, String> = BTreeMap::new();
        let mut events: Vec<_> = self.sides().iter().flat_map(|side| self.house.zendesk.events(side)).collect();
        events.sort_by_key(|event| event["created_at"].as_str().unwrap_or_default().to_owned());
        for event in events {
            let message = &event["message"];
            let text = format!("{}\n{}", message["body"], message["html_body"]);
            let replies = message["body"].as_str().unwrap_or_default().matches("in Slack, ").count();
            BUNDLES.fetch_add(u64::from(replies > 1), Ordering::Relaxed);
            let said = tokens(&text);
            let side = event["side_conversation_id"].as_str().unwrap_or_default();
            let of_side = self.talks.iter().position(|talk| talk.id == side);
            let Some(index) = of_side.or_else(|| said.first().and_then(talk_of)) else { continue };
            for token in &said {
                said_in.entry(token.clone()).or_insert_with(|| side.to_owned());
            }
            if said.is_empty() || seen.insert((event["created_at"].to_string(), said.clone())) {
                zendesk.push((index, event["id"].as_str().unwrap_or_default().to_owned(), said));
            }
        }
        for ticket in self.house.zendesk.tickets() {
            let marker = ticket["external_id"].as_str().unwrap_or_default().to_owned();
            if !marker.is_empty() && !markers.insert(marker.clone()) {
                fail(format!("two tickets are {marker}"));
            }
        }
        for (index, talk) in self.talks.iter().enumerate() {
            let found = cards.get(&talk.id).map(Vec::as_slice).unwrap_or_default();
            if found.len() != usize::from(talk.bridged) {
                fail(format!("talk {index} has {} cards", found.len()));
            }
            if talk.bridged && found.len() == 1 {
                let thread = engine.store().thread(&talk.id).await.unwrap().expect("it has a thread");
                WENT_ON.fetch_add(u64::from(!thread.earlier.is_empty()), Ordering::Relaxed);
                let state = self.house.state(thread.side_conversation_id.as_str());
                let card = self.house.card(&talk.id);
                if card.contains("Mark as done") != (state == "open") {
                    fail(format!("talk {index} is {state} and its card says {card:?}"));
                }
            }
        }
        for ticket in &self.tickets {
            for comment in self.house.zendesk.comments(*ticket) {
                let text = comment["body"].as_str().unwrap_or_default();
                let of_a_merge = text.contains("closed and merged into");
                // The API cannot show who pressed a button in Slack, so a note does.
                let of_a_press = text.contains("in Slack.") && text.contains(" the side conversation");
                let told = comment["public"] == false && overtaken.is_empty() && !of_a_merge && !of_a_press;
                if told || !tokens(text).is_empty() {
                    fail(format!("ticket {ticket} has the note {text:?}"));
                }
            }
        }
        for word in &self.words {
            let in_slack: Vec<_> = slack.iter().filter(|(_, _, said)| said.contains(&word.token)).collect();
            let in_zendesk: Vec<_> = zendesk.iter().filter(|(_, _, said)| said.contains(&word.token)).collect();
            let talk = &self.talks.get(word.talk);
            let bridged = talk.is_some_and(|talk| talk.bridged);
            let (slack_times, zendesk_times) = match word.side {
                Side::Slack => (1, 1),
                Side::Zendesk => (usize::from(bridged), 1),
                Side::Elsewhere => (1, 0),
            };
            if (in_slack.len(), in_zendesk.len()) != (slack_times, zendesk_times) {
                fail(format!(
                    "{} of {:?}, talk {}, stands {} times in Slack and {} times in Zendesk",
                    word.token,
                    word.side,
                    word.talk,
                    in_slack.len(),
                    in_zendesk.len()
                ));
                continue;
            }
            if word.side != Side::Elsewhere && in_zendesk.iter().any(|(talk, ..)| *talk != word.talk) {
                fail(format!("{} went to another side conversation", word.token));
            }
            if word.side != Side::Elsewhere && bridged {
                let card = cards.get(&talk.unwrap().id).and_then(|cards| cards.first());
                if in_slack.iter().any(|(channel, root, _)| card != Some(&(channel.clone(), root.clone()))) {
                    fail(format!("{} went to another thread", word.token));
                }
            }
        }
        let carried_by = lock(&self.gates).carried_by.clone();
        for (side, places) in [
            (Side::Slack, zendesk.iter().flat_map(|(_, _, said)| said.clone()).collect::<Vec<_>>()),
            (Side::Zendesk, slack.iter().flat_map(|(_, _, said)| said.clone()).collect()),
        ] {
            let place: BTreeMap<&String, usize> = places.iter().enumerate().map(|(i, token)| (token, i)).collect();
            let words: Vec<&Word> = self.words.iter().filter(|word| word.side == side).collect();
            for one in &words {
                for other in words.iter().filter(|other| other.talk == one.talk && other.at > one.at) {
                    let known_in_time = one.decided.zip(carried_by.get(&other.token)).is_some_and(|(a, b)| a < *b);
                    // Whoever still writes under a closed ticket and whoever answers in its follow-up are heard apart.
                    let apart = side == Side::Zendesk && said_in.get(&one.token) != said_in.get(&other.token);
                    let in_order = self.calm && !apart || known_in_time && !overtaken.contains(&one.token);
                    if in_order && place.get(&one.token) > place.get(&other.token) {
                        fail(format!("{} of talk {} stands after {}", one.token, one.talk, other.token));
                    }
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Presses "Retry", as it were, for everything that was parked; says which words were overtaken by that.
    pub fn try_again(&mut self, engine: &Engine) -> BTreeSet<String> {
        let mut overtaken = BTreeSet::new();
        for _ in 0..5 {
            let parked = self.machine.parked();
            if parked.is_empty() {
                break;
            }
            for (id, effect) in parked {
                overtaken.insert(format!("row {id}"));
                overtaken.extend(tokens(&effect));
                assert_eq!(self.machine.run(engine.retry_parked(id)).unwrap(), Wished::Stored);
            }
            // What could not be posted at all is tried again after an hour.
            self.machine.run(self.house.settle_within(Duration::from_secs(2 * 3600)));
        }
        overtaken
    }
}
