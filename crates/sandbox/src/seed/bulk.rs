//! Many tickets and threads of long ago, for size: believable at a glance, drawn by seed.

use super::{Hands, Named};
use crate::FIRST_TICKET;
use crate::slack::FakeSlack;
use crate::zendesk::{FakeZendesk, TicketSpec, UserSpec};

/// The bulk lies between these times, before everything that the stories tell.
const FROM_MINUTES_AGO: i64 = 500_000;
const TO_MINUTES_AGO: i64 = 62_000;
/// The most tickets there are numbers for.
pub(crate) const MOST: usize = 30_000;
const TICKETS_A_CUSTOMER: usize = 6;
const TICKETS_A_THREAD: usize = 10;

/// A locale with first and last names that go together.
const NAMES: &[(&str, &[&str], &[&str])] = &[
    ("fr", &["Camille", "Théo", "Inès"], &["Moreau", "Lefèvre", "Diallo"]),
    ("pt", &["João", "Beatriz"], &["Santos", "Carvalho"]),
    ("pl", &["Agnieszka", "Tomasz"], &["Nowak", "Wójcik"]),
    ("en-US", &["Njeri", "Otieno"], &["Mwangi", "Odhiambo"]),
    ("en-IE", &["Siobhán", "Cian"], &["Byrne", "Kelly"]),
    ("ja", &["Kenji", "Yuki"], &["Sato", "Watanabe"]),
    ("es", &["Lucía", "Mateo"], &["García", "Ruiz"]),
    ("de", &["Greta", "Jonas"], &["Keller", "Hoffmann"]),
    ("tr", &["Elif", "Deniz"], &["Yılmaz", "Kaya"]),
    ("ar", &["Noor", "Karim"], &["Haddad", "Mansour"]),
    ("en-US", &["Mei", "Jun"], &["Chen", "Lin"]),
    ("uk", &["Oleksandr", "Oksana"], &["Kovalenko", "Shevchenko"]),
];

type Letter = (&'static str, &'static str, &'static str, &'static str);
/// Language, subject, what the customer writes, and what an agent answers; `{n}` is an order's number.
const LETTERS: &[Letter] = &[
    (
        "en",
        "Where is order A-{n}?",
        "Hi, the tracking of A-{n} has not moved for four days. Is it lost?",
        "It left Kraków this morning and should be with you on Thursday.",
    ),
    (
        "fr",
        "Colis A-{n} jamais reçu",
        "Bonjour, le colis A-{n} est noté « livré », mais je n'ai rien reçu. Mon voisin non plus.",
        "Bonjour, j'ouvre une enquête auprès du transporteur et je vous tiens au courant.",
    ),
    (
        "fr",
        "Facture A-{n}",
        "Bonjour, pourriez-vous m'envoyer la facture de la commande A-{n} avec le numéro de TVA ? Merci d'avance.",
        "Bonjour, elle vient de partir à votre adresse. Bonne journée !",
    ),
    (
        "pt",
        "Encomenda A-{n} incompleta",
        "Boa tarde, faltam os cabos na encomenda A-{n}. Podem enviar?",
        "Boa tarde, os cabos seguem hoje. Pedimos desculpa.",
    ),
    (
        "pl",
        "Zwrot zamówienia A-{n}",
        "Dzień dobry, proszę o zwrot słuchawek z zamówienia A-{n}. Jak to zrobić?",
        "Dzień dobry, etykieta zwrotna jest w załączniku następnej wiadomości.",
    ),
    (
        "de",
        "Falsche Lieferadresse, Bestellung A-{n}",
        "Guten Tag, ich habe die alte Adresse angegeben. Kann man A-{n} noch umleiten?",
        "Guten Tag, das hat gerade noch geklappt: Das Paket geht an die neue Adresse.",
    ),
    (
        "es",
        "Cobro duplicado del pedido A-{n}",
        "Hola, me han cobrado dos veces el pedido A-{n}. ¿Me devuelven uno?",
        "Hola, el segundo cargo está devuelto; tarda unos tres días en verse.",
    ),
    (
        "ja",
        "注文 A-{n} の到着日",
        "お世話になっております。注文 A-{n} はいつ届きますか。",
        "お問い合わせありがとうございます。金曜日に到着の予定です。",
    ),
    (
        "en",
        "Speaker hums (A-{n})",
        "Since yesterday the left speaker hums, even at zero volume. Order A-{n}.",
        "That sounds like the power supply. A new one is on its way, please keep the speaker.",
    ),
    (
        "en",
        "Can I still cancel A-{n}?",
        "I ordered the black one by mistake. Please cancel A-{n} if it is not packed yet.",
        "Cancelled; the money is back on your card within three days.",
    ),
    (
        "en",
        "Discount code did not work",
        "I typed WELCOME10 for A-{n} and it took the full price. Could you look?",
        "The code had ended the day before, but I have given you the ten per cent anyway.",
    ),
    (
        "tr",
        "Siparişim A-{n} nerede?",
        "Merhaba, A-{n} numaralı siparişim iki haftadır gelmedi.",
        "Merhaba, gümrükte bekliyordu; bugün yola çıktı.",
    ),
    ("ar", "أين طلبي A-{n}؟", "مرحبًا، لم يصلني الطلب A-{n} حتى الآن.", "مرحبًا، الطلب في الطريق وسيصل يوم الخميس."),
    (
        "uk",
        "Замовлення A-{n}: інший колір",
        "Добрий день, у замовленні A-{n} синя лампа замість білої.",
        "Добрий день, біла вже в дорозі, синю можна залишити.",
    ),
];
/// A partner, what is asked of them in a side conversation, and what comes back.
const QUESTIONS: &[(&str, &str, &str, &str)] = &[
    (
        "dispatch@nordfreight.example",
        "Trace for A-{n}",
        "Hello, please look for A-{n}: no scan since the depot.",
        "Found on the wrong belt. It is on the van now.",
    ),
    (
        "quality@brightcell.example",
        "Serial number of A-{n}",
        "Hi, is the unit of A-{n} one of the bad batch?",
        "Yes, the first 400 have the old supply. Replace it.",
    ),
    (
        "enquetes@colis-rapide.example",
        "Enquête A-{n}",
        "Bonjour, pouvez-vous nous envoyer la preuve de livraison de A-{n} ?",
        "Bonjour, signée par « Martin » au numéro 14. Est-ce le bon ?",
    ),
];
/// A thread in a channel: its first message and two answers.
const THREADS: &[(&str, &str, &str, &str)] = &[
    ("logistics", "Pallet {n} has no label, who packed it?", "That was me, printer jam. Fixed.", "Merci !"),
    (
        "support-engineering",
        "Order A-{n} shows two invoices in the portal. Same bug as last week?",
        "Yes, same. A fix is in review.",
        "Deployed, please check.",
    ),
    ("billing", "Refund of A-{n} is over 200 €, can somebody approve it?", "Approved.", "Done, thank you."),
    (
        "support-engineering",
        "The label service answers 502 for Porto, job {n} and everything after it.",
        "Certificate had ended. Renewed.",
        "Works again here.",
    ),
    ("logistics", "Quelqu'un a vu le carton {n} à Lyon ?", "Il est sous l'escalier, comme toujours.", "Trouvé, merci."),
];

/// Adds this many tickets and a tenth as many threads, in order of time; the tickets' numbers.
pub(super) fn tell(
    slack: &FakeSlack,
    zendesk: &FakeZendesk,
    hands: &Hands<'_>,
    agents: &[(i64, String)],
    channels: &[Named],
    tickets: usize,
    seed: u64,
) -> Vec<i64> {
    let tickets = tickets.min(MOST);
    let mut random = fastrand::Rng::with_seed(seed);
    let customers = customers(zendesk, tickets.div_ceil(TICKETS_A_CUSTOMER), &mut random);
    let channels = with_members(slack, channels);
    let mut made = Vec::with_capacity(tickets);
    for at in 0..tickets {
        let (done, all) = (at as i64, tickets as i64);
        hands.to_minutes_ago(FROM_MINUTES_AGO - (FROM_MINUTES_AGO - TO_MINUTES_AGO) * done / all);
        let number = FIRST_TICKET - all + done;
        let customer = random.choice(&customers).copied().unwrap_or_default();
        let agent = random.choice(agents).map_or(0, |agent| agent.0);
        made.push(ticket(zendesk, number, customer, agent, at % TICKETS_A_THREAD == 0, &mut random));
        if at % TICKETS_A_THREAD == 0 {
            thread(slack, &channels, &mut random);
        }
    }
    made
}

fn customers(zendesk: &FakeZendesk, count: usize, random: &mut fastrand::Rng) -> Vec<(i64, &'static str)> {
    let one = |at: usize| {
        let (locale, first, last) = random.choice(NAMES).copied().unwrap_or_default();
        let mut pick = |names: &'static [&'static str]| random.choice(names).copied().unwrap_or_default();
        let (first, last) = (pick(first), pick(last));
        let id = zendesk.add_user(UserSpec {
            name: format!("{first} {last}"),
            email: Some(format!("customer{at}@mail.example")),
            role: "end-user".into(),
            locale: Some(locale.into()),
            ..UserSpec::default()
        });
        (id, locale)
    };
    (0..count).map(one).collect()
}

fn ticket(
    zendesk: &FakeZendesk,
    number: i64,
    (customer, locale): (i64, &str),
    agent: i64,
    asks_a_partner: bool,
    random: &mut fastrand::Rng,
) -> i64 {
    let order = random.u32(10_000..99_999).to_string();
    // People write in their own language, or in English.
    let in_english = random.u8(0..4) == 0;
    let own = |letter: &&Letter| letter.0 == if in_english { "en" } else { &locale[..2] };
    let letters: Vec<&Letter> = LETTERS.iter().filter(own).collect();
    let (_, subject, letter, answer) = random.choice(letters).copied().unwrap_or_default();
    let filled = |text: &str| text.replace("{n}", &order);
    let ticket = zendesk.add_ticket(TicketSpec {
        id: Some(number),
        subject: filled(subject),
        description: filled(letter),
        requester_id: customer,
        assignee_id: Some(agent),
        priority: random.choice(["low", "normal", "normal", "high"]).map(String::from),
        status: "open".into(),
        ..TicketSpec::default()
    });
    if asks_a_partner {
        let (partner, subject, question, answer) = random.choice(QUESTIONS).copied().unwrap_or_default();
        if let Ok(side) = zendesk.desk_start(agent, ticket, &[partner], &filled(subject), &filled(question)) {
            zendesk.reply_by_mail(partner, &side, &filled(answer));
            zendesk.set_state(agent, &side, "closed");
        }
    }
    let status = match random.u8(0..100) {
        0..70 => "closed",
        70..90 => "solved",
        90..96 => "pending",
        _ => "open",
    };
    zendesk.answer(ticket, agent, &filled(answer), status);
    ticket
}

fn thread(slack: &FakeSlack, channels: &[(&Named, Vec<String>)], random: &mut fastrand::Rng) {
    let (channel, first, second, third) = random.choice(THREADS).copied().unwrap_or_default();
    let number = random.u32(10_000..99_999).to_string();
    let Some(channel) = channels.iter().find(|one| one.0.name == channel) else { return };
    let id = &channel.0.id;
    let people = &channel.1;
    let first_of_all = random.usize(..people.len().max(1));
    // Nobody answers a question of their own.
    let who = |at: usize| people.get((first_of_all + at) % people.len().max(1)).map_or("", String::as_str);
    let Ok(root) = slack.say(who(0), id, None, &first.replace("{n}", &number)) else { return };
    for (at, answer) in [(1, second), (0, third)] {
        // Whoever it is may write here, as the first one could.
        let _ = slack.say(who(at), id, Some(&root), answer);
    }
}

/// The channels with those of their members who write: people, not bots.
fn with_members<'a>(slack: &FakeSlack, channels: &'a [Named]) -> Vec<(&'a Named, Vec<String>)> {
    let (shown, people) = (slack.channels(), slack.people());
    let is_bot = |id: &str| people.iter().any(|one| one["id"] == id && one["is_bot"] == true);
    let members = |channel: &Named| {
        let found = shown.iter().find(|one| one["id"] == channel.id.as_str());
        let all = found.and_then(|one| one["members"].as_array()).into_iter().flatten();
        all.filter_map(|member| member.as_str()).filter(|member| !is_bot(member)).map(str::to_owned).collect()
    };
    channels.iter().map(|channel| (channel, members(channel))).collect()
}
