//! The tickets, as customers write them, the oldest first.
//!
//! No date, weekday or hour stands in them that could not be so whenever one comes; `{utc 190}` is the time of day of
//! 190 minutes ago.

/// One ticket and what happened on it.
pub(super) struct Story {
    pub(super) minutes_ago: i64,
    pub(super) subject: &'static str,
    pub(super) customer: &'static str,
    pub(super) assignee: &'static str,
    pub(super) group: &'static str,
    pub(super) priority: &'static str,
    pub(super) status: &'static str,
    pub(super) tags: &'static [&'static str],
    pub(super) description: &'static str,
    /// Minutes ago, who, whether the customer sees it, and what.
    pub(super) comments: &'static [(i64, &'static str, bool, &'static str)],
    pub(super) side_conversation: Option<Side>,
}

/// A side conversation by e-mail with one answer.
pub(super) struct Side {
    pub(super) minutes_ago: i64,
    pub(super) agent: &'static str,
    pub(super) to: &'static str,
    pub(super) subject: &'static str,
    pub(super) message: &'static str,
    pub(super) answered_minutes_ago: i64,
    pub(super) answer: &'static str,
    pub(super) done: bool,
}

pub(super) const STORIES: &[Story] = &[
    Story {
        minutes_ago: 13_100,
        subject: "Encomenda parada na alfândega há 9 dias",
        customer: "ana",
        assignee: "marta",
        group: "Logistics",
        priority: "high",
        status: "open",
        tags: &["customs", "portugal"],
        description: "Boa tarde,\n\na minha encomenda AC-77120-PT está parada na alfândega em Lisboa há nove dias e \
                      ninguem me diz nada. O site diz só \"em processamento\". Era uma prenda de anos...\n\nObrigada,\n\
                      Ana Beatriz",
        comments: &[
            (12_960, "marta", true, "Olá Ana Beatriz, lamento muito a demora. Já pedi informações à transportadora."),
            (1_500, "marta", false, "Customs ask for the commercial invoice a second time. Logistics must have it."),
            (110, "ana", true, "Alguma novidade? A festa é no sábado 😟"),
        ],
        side_conversation: Some(Side {
            minutes_ago: 2_880,
            agent: "marta",
            to: "dispatch@nordfreight.example",
            subject: "AC-77120-PT: what does customs miss?",
            message: "Hello,\n\nthe parcel has been in Lisbon for more than two weeks. Which paper is missing?\n\nMarta, Acme",
            answered_minutes_ago: 1_540,
            answer: "Hi Marta,\n\nthey say the commercial invoice was not readable. Please send it again as PDF.\n\n\
                     Nordfreight Dispatch",
            done: false,
        }),
    },
    Story {
        minutes_ago: 11_900,
        subject: "Warranty for a kettle bought two years ago",
        customer: "ana",
        assignee: "marta",
        group: "Support",
        priority: "low",
        status: "closed",
        tags: &["warranty"],
        description: "Is my kettle still under warranty? I bought it two years ago and the lid does not close anymore.",
        comments: &[(11_700, "marta", true, "Yes, it is: three years. A new lid is on its way to you.")],
        side_conversation: None,
    },
    Story {
        minutes_ago: 8_700,
        subject: "Facture sans numéro de TVA",
        customer: "jeanluc",
        assignee: "aicha",
        group: "Billing",
        priority: "normal",
        status: "solved",
        tags: &["invoice"],
        description: "Bonjour, la facture F-5521 ne porte pas notre numéro de TVA (FR 17 000 123 456). Merci de la \
                      refaire.",
        comments: &[(8_000, "aicha", true, "Bonjour, la facture corrigée F-5521-B est jointe à votre compte client.")],
        side_conversation: Some(Side {
            minutes_ago: 8_500,
            agent: "aicha",
            to: "comptes@fiduciaire-rhone.example",
            subject: "F-5521: reissue with VAT number",
            message: "Bonjour, pourriez-vous refaire la facture F-5521 avec le numéro FR 17 000 123 456 ?",
            answered_minutes_ago: 8_100,
            answer: "C'est fait : F-5521-B.",
            done: true,
        }),
    },
    Story {
        minutes_ago: 6_000,
        subject: "RE: RE: Lead time for BC-18650 cells",
        customer: "liwei",
        assignee: "wanjiru",
        group: "Support",
        priority: "low",
        status: "hold",
        tags: &["supplier"],
        description: "Dear Acme team,\n\nplease confirm new forecast for BC-18650 (next quarter). Factory closes one \
                      week for holiday next month, order within 10 days for ship before. MOQ is 5000 pcs now.\n\nBest \
                      regards,\nLi Wei",
        comments: &[(5_900, "wanjiru", true, "Thank you, Li Wei. Purchasing will answer this week.")],
        side_conversation: None,
    },
    Story {
        minutes_ago: 4_300,
        subject: "UNACCEPTABLE - third missed delivery",
        customer: "margaret",
        assignee: "wanjiru",
        group: "VIP desk",
        priority: "urgent",
        status: "open",
        tags: &["vip", "complaint"],
        description: "This is the THIRD time I have sat at home for a whole day for NOTHING. Your driver claims \
                      \"nobody was in\". I was in. My daughters were in. The dog was in.\n\nWe spend over 40,000 a year \
                      with you. If the till printers are not in our Galway shop tomorrow by noon we are done.\n\n\
                      Margaret O'Neill\nManaging Director, O'Neill & Daughters",
        comments: &[
            (
                4_260,
                "wanjiru",
                false,
                "VIP. Do not send a template. I call her within the hour; logistics please find the driver's log.",
            ),
            (4_100, "wanjiru", true, "Dear Mrs O'Neill, as promised on the phone: I follow this delivery personally."),
            (300, "margaret", true, "Another day, another promise. Where is my delivery."),
        ],
        side_conversation: None,
    },
    Story {
        minutes_ago: 2_700,
        subject: "Écran fissuré à la réception",
        customer: "jeanluc",
        assignee: "aicha",
        group: "Support",
        priority: "normal",
        status: "pending",
        tags: &["damaged"],
        description: "Bonjour,\n\nle moniteur 27\" reçu ce matin a l'écran fissuré dans le coin inférieur gauche. \
                      L'emballage était intact, donc le défaut vient surement de l'usine. J'en ai besoin pour \
                      l'ouverture du magasin lundi.\n\nCordialement,\nJ.-L. Fontaine",
        comments: &[
            (
                2_640,
                "aicha",
                true,
                "Bonjour Monsieur Fontaine, pourriez-vous nous envoyer une photo du numéro de série ?",
            ),
            (2_200, "jeanluc", true, "C'est le SN 27U-0044-8812. La photo est trop lourde pour votre formulaire."),
            (2_190, "aicha", true, "Merci, cela suffit. Un remplaçant part aujourd'hui de Lyon."),
        ],
        side_conversation: None,
    },
    Story {
        minutes_ago: 1_900,
        subject: "Paczka przyszła otwarta, brakuje ładowarki",
        customer: "piotr",
        assignee: "lukas",
        group: "Logistics",
        priority: "normal",
        status: "open",
        tags: &["damaged", "poland"],
        description: "Dzień dobry,\n\npaczka przyszła dziś otwarta, taśma była przecięta. W środku brakuje ładowarki \
                      65 W, reszta jest. Kurier nie chciał spisać protokołu.\n\nPozdrawiam\nPiotr Zieliński",
        comments: &[(
            1_870,
            "lukas",
            false,
            "Translated: parcel came open, 65 W charger missing, courier refused a report.",
        )],
        side_conversation: None,
    },
    Story {
        minutes_ago: 1_610,
        subject: "Charged TWICE for order A-20931",
        customer: "kwame",
        assignee: "aicha",
        group: "Billing",
        priority: "high",
        status: "open",
        tags: &["double_charge"],
        description: "hi, my card was charged 2x 89.90 for the same order (A-20931). I only ordered ONE speaker. pls \
                      refund asap, my rent is due",
        comments: &[
            (
                1_580,
                "aicha",
                true,
                "Hello Kwame, I am sorry about that. I have found both charges and am checking them.",
            ),
            (1_570, "aicha", false, "Looks like the retried batch of the payment provider. Billing has a list."),
        ],
        side_conversation: None,
    },
    Story {
        minutes_ago: 430,
        subject: "Checkout shows \"502 Bad Gateway\" for an hour",
        customer: "sofia",
        assignee: "lukas",
        group: "Support",
        priority: "urgent",
        status: "open",
        tags: &["outage", "checkout"],
        description: "Hola, I try to pay since one hour and the page says:\n\n502 Bad Gateway\nnginx\n\nI tried with \
                      Chrome and Firefox and also from the phone. The discount finish today!!",
        comments: &[
            (420, "lukas", true, "Hi Sofía, thank you for telling us. We see it too and engineers are on it."),
            (415, "lukas", false, "7 more tickets like this one. Ask on-call, then keep the discount open for her."),
            (60, "sofia", true, "now it works but the discount is gone :("),
        ],
        side_conversation: None,
    },
    Story {
        minutes_ago: 170,
        subject: "order.shipped webhook stopped arriving at {utc 190} UTC",
        customer: "haruka",
        assignee: "lukas",
        group: "Support",
        priority: "high",
        status: "open",
        tags: &["api", "webhook"],
        description: "Our stock system receives no order.shipped webhook since {utc 190} UTC. order.created still comes. \
                      Nothing changed here. Last delivery id: whd_01J9Q2M7. We have 60 orders without tracking numbers.",
        comments: &[(
            160,
            "lukas",
            false,
            "Not the customer's side: our status page is green but partners are affected.",
        )],
        side_conversation: None,
    },
    Story {
        minutes_ago: 150,
        subject: "Can you change the delivery adress??",
        customer: "kwame",
        assignee: "marta",
        group: "Logistics",
        priority: "high",
        status: "open",
        tags: &["address"],
        description: "I moved!! order A-21007 goes to my old flat. new one is Rua do Almada 214, 3º esq, Porto. it \
                      says \"out for delivery\" already, can somebody call the driver?",
        comments: &[(140, "marta", true, "Hi Kwame, I am asking our dispatch right now.")],
        side_conversation: None,
    },
    Story {
        minutes_ago: 75,
        subject: "headphones only work on the left side",
        customer: "haruka",
        assignee: "",
        group: "Support",
        priority: "normal",
        status: "new",
        tags: &["headphones"],
        description: "Hello. The KX-2 headphones (2 of 10 we ordered) play only on the left side. The cable is not \
                      broken. Firmware is 1.0.9. Is there an update? よろしくお願いします。",
        comments: &[],
        side_conversation: None,
    },
];
