//! Many tickets and threads of long ago, for size: believable at a glance, drawn by seed.

use super::{Hands, Named};
use crate::sandbox::slack::FakeSlack;
use crate::sandbox::zendesk::{FakeZendesk, TicketChange, TicketSpec, UserSpec};

/// The bulk lies between these times, before everything that the stories tell.
const FROM_MINUTES_AGO: i64 = 500_000;
const TO_MINUTES_AGO: i64 = 62_000;
/// The stories' first number; the bulk's lie below it.
const FIRST_STORY: i64 = 35_436;
/// The most tickets there are numbers for.
pub(in crate::sandbox) const MOST: usize = 30_000;
const TICKETS_A_CUSTOMER: usize = 6;
const TICKETS_A_THREAD: usize = 10;

const FIRST_NAMES: &[(&str, &str)] = &[
    ("Camille", "fr"),
    ("Théo", "fr"),
    ("Inès", "fr"),
    ("João", "pt"),
    ("Beatriz", "pt"),
    ("Agnieszka", "pl"),
    ("Tomasz", "pl"),
    ("Njeri", "en-US"),
    ("Otieno", "en-US"),
    ("Siobhán", "en-IE"),
    ("Kenji", "ja"),
    ("Yuki", "ja"),
    ("Lucía", "es"),
    ("Mateo", "es"),
    ("Greta", "de"),
    ("Jonas", "de"),
    ("Elif", "tr"),
    ("Noor", "en-US"),
    ("Mei", "en-US"),
    ("Oleksandr", "uk"),
];
const LAST_NAMES: &[&str] = &[
    "Moreau",
    "Lefèvre",
    "Santos",
    "Carvalho",
    "Nowak",
    "Wójcik",
    "Mwangi",
    "Odhiambo",
    "Byrne",
    "Kelly",
    "Sato",
    "Watanabe",
    "García",
    "Ruiz",
    "Keller",
    "Hoffmann",
    "Yılmaz",
    "Haddad",
    "Chen",
    "Kovalenko",
];

/// Subject, what the customer writes, and what an agent answers; `{n}` is an order's number.
const LETTERS: &[(&str, &str, &str)] = &[
    (
        "Where is order A-{n}?",
        "Hi, the tracking of A-{n} has not moved for four days. Is it lost?",
        "It left Kraków this morning and should be with you on Thursday.",
    ),
    (
        "Colis A-{n} jamais reçu",
        "Bonjour, le colis A-{n} est noté « livré », mais je n'ai rien reçu. Mon voisin non plus.",
        "Bonjour, j'ouvre une enquête auprès du transporteur et je vous tiens au courant.",
    ),
    (
        "Facture A-{n}",
        "Bonjour, pourriez-vous m'envoyer la facture de la commande A-{n} avec le numéro de TVA ? Merci d'avance.",
        "Bonjour, elle vient de partir à votre adresse. Bonne journée !",
    ),
    (
        "Encomenda A-{n} incompleta",
        "Boa tarde, faltam os cabos na encomenda A-{n}. Podem enviar?",
        "Boa tarde, os cabos seguem hoje. Pedimos desculpa.",
    ),
    (
        "Zwrot zamówienia A-{n}",
        "Dzień dobry, chciałabym zwrócić słuchawki z zamówienia A-{n}. Jak to zrobić?",
        "Dzień dobry, etykieta zwrotna jest w załączniku wiadomości, którą właśnie wysłałam.",
    ),
    (
        "Falsche Lieferadresse, Bestellung A-{n}",
        "Guten Tag, ich habe die alte Adresse angegeben. Kann man A-{n} noch umleiten?",
        "Guten Tag, das hat gerade noch geklappt: Das Paket geht an die neue Adresse.",
    ),
    (
        "Cobro duplicado del pedido A-{n}",
        "Hola, me han cobrado dos veces el pedido A-{n}. ¿Me devuelven uno?",
        "Hola, el segundo cargo está devuelto; tarda unos tres días en verse.",
    ),
    (
        "注文 A-{n} の到着日",
        "お世話になっております。注文 A-{n} はいつ届きますか。",
        "お問い合わせありがとうございます。金曜日に到着の予定です。",
    ),
    (
        "Speaker hums (A-{n})",
        "Since yesterday the left speaker hums, even at zero volume. Order A-{n}.",
        "That sounds like the power supply. A new one is on its way, please keep the speaker.",
    ),
    (
        "Can I still cancel A-{n}?",
        "I ordered the black one by mistake. Please cancel A-{n} if it is not packed yet.",
        "Cancelled; the money is back on your card within three days.",
    ),
    (
        "Discount code did not work",
        "I typed WELCOME10 for A-{n} and it took the full price. Could you look?",
        "The code had ended the day before, but I have given you the ten per cent anyway.",
    ),
    (
        "Siparişim A-{n} nerede?",
        "Merhaba, A-{n} numaralı siparişim iki haftadır gelmedi.",
        "Merhaba, gümrükte bekliyordu; bugün yola çıktı.",
    ),
];
/// What is asked of a partner in a side conversation, and what comes back.
const QUESTIONS: &[(&str, &str, &str)] = &[
    (
        "Trace for A-{n}",
        "Hello, please look for A-{n}: no scan since the depot.",
        "Found on the wrong belt. It is on the van now.",
    ),
    (
        "Serial number of A-{n}",
        "Hi, is the unit of A-{n} one of the bad batch?",
        "Yes, the first 400 have the old supply. Replace it.",
    ),
    (
        "Enquête A-{n}",
        "Bonjour, pouvez-vous nous envoyer la preuve de livraison de A-{n} ?",
        "Bonjour, signée par « Martin » au numéro 14. Est-ce le bon ?",
    ),
];
const PARTNERS: &[&str] =
    &["dispatch@nordfreight.example", "quality@brightcell.example", "enquetes@colis-rapide.example"];
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
        "The label service answers 502 for Porto since {n} seconds past nine.",
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
    let mut made = Vec::with_capacity(tickets);
    for at in 0..tickets {
        let (done, all) = (at as i64, tickets as i64);
        hands.to_minutes_ago(FROM_MINUTES_AGO - (FROM_MINUTES_AGO - TO_MINUTES_AGO) * done / all);
        let number = FIRST_STORY - all + done;
        let customer = random.choice(&customers).copied().unwrap_or_default();
        let agent = random.choice(agents).map_or(0, |agent| agent.0);
        made.push(ticket(zendesk, number, customer, agent, at % TICKETS_A_THREAD == 0, &mut random));
        if at % TICKETS_A_THREAD == 0 {
            thread(slack, channels, &mut random);
        }
    }
    made
}

fn customers(zendesk: &FakeZendesk, count: usize, random: &mut fastrand::Rng) -> Vec<i64> {
    let one = |at: usize| {
        let (first, locale) = random.choice(FIRST_NAMES).copied().unwrap_or_default();
        let last = random.choice(LAST_NAMES).copied().unwrap_or_default();
        zendesk.add_user(UserSpec {
            name: format!("{first} {last}"),
            email: Some(format!("customer{at}@mail.example")),
            role: "end-user".into(),
            locale: Some(locale.into()),
            ..UserSpec::default()
        })
    };
    (0..count).map(one).collect()
}

fn ticket(
    zendesk: &FakeZendesk,
    number: i64,
    customer: i64,
    agent: i64,
    asks_a_partner: bool,
    random: &mut fastrand::Rng,
) -> i64 {
    let order = random.u32(10_000..99_999).to_string();
    let (subject, letter, answer) = random.choice(LETTERS).copied().unwrap_or_default();
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
    zendesk.add_comment(ticket, agent, &filled(answer), true);
    if asks_a_partner {
        let (subject, question, answer) = random.choice(QUESTIONS).copied().unwrap_or_default();
        let partner = random.choice(PARTNERS).copied().unwrap_or_default();
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
    zendesk.set_ticket(ticket, TicketChange { status: Some(status.into()), ..TicketChange::default() });
    ticket
}

fn thread(slack: &FakeSlack, channels: &[Named], random: &mut fastrand::Rng) {
    let (channel, first, second, third) = random.choice(THREADS).copied().unwrap_or_default();
    let number = random.u32(10_000..99_999).to_string();
    let Some(channel) = channels.iter().find(|one| one.name == channel) else { return };
    let members = slack.channels().into_iter().find(|one| one["id"] == channel.id.as_str());
    let members = members.map(|one| one["members"].clone()).unwrap_or_default();
    let bot = slack.options().bot_user_id.as_str();
    let people: Vec<&str> =
        members.as_array().into_iter().flatten().filter_map(|one| one.as_str()).filter(|one| *one != bot).collect();
    let mut who = || random.choice(&people).copied().unwrap_or_default();
    let Ok(root) = slack.say(who(), &channel.id, None, &first.replace("{n}", &number)) else { return };
    for answer in [second, third] {
        // Whoever it is may write here, as the first one could.
        let _ = slack.say(who(), &channel.id, Some(&root), answer);
    }
}
