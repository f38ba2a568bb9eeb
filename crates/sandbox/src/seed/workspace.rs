//! The people and channels of the firm's Slack.

use super::{Named, id_of};
use crate::slack::{ChannelSpec, FakeSlack, PersonSpec};

/// The workspace of the freight firm that shares a channel.
const NORDFREIGHT: &str = "T0NORDFRT01";

pub(super) fn people(slack: &FakeSlack) -> Vec<Named> {
    let person = |id: &str, name: &str, real_name: &str, display_name: &str, tz: &str| PersonSpec {
        id: Some(id.into()),
        name: name.into(),
        real_name: real_name.into(),
        display_name: display_name.into(),
        email: Some(format!("{name}@acme.example")),
        tz: tz.into(),
        ..PersonSpec::default()
    };
    let specs = [
        person("U0MARTA0001", "marta", "Marta Figueiredo", "Marta", "Europe/Lisbon"),
        person("U0ETIENNE01", "etienne", "Étienne Marchand", "Étienne (Lyon)", "Europe/Paris"),
        person("U0ZOFIA0001", "zofia", "Zofia Wiśniewska", "Zosia", "Europe/Warsaw"),
        person("U0WANJIRU01", "wanjiru", "Wanjiru Kamau", "Wanjirũ", "Africa/Nairobi"),
        person("U0THANHHA01", "thanhha", "Nguyễn Thị Thanh Hà", "", "Europe/Paris"),
        person("U0OISIN0001", "oisin", "Oisín Ó Súilleabháin", "Oisín", "Europe/Lisbon"),
        person("U0PRIYA0001", "priya", "Priya Raghunathan", "Priya", "Africa/Nairobi"),
        PersonSpec {
            guest: true,
            email: Some("yusuf@demir-it.example".into()),
            ..person("U0YUSUF0001", "yusuf", "Yusuf Demir", "Yusuf", "Europe/Istanbul")
        },
        PersonSpec {
            stranger_team: Some(NORDFREIGHT.into()),
            email: Some("ingrid@nordfreight.example".into()),
            ..person("U0INGRID001", "ingrid", "Ingrid Solheim", "Ingrid", "Europe/Oslo")
        },
        PersonSpec { is_bot: true, email: None, ..person("U0BEACON001", "beacon", "Beacon", "Beacon", "Etc/UTC") },
    ];
    let add = |spec: PersonSpec| Named { name: spec.name.clone(), id: slack.add_person(spec) };
    specs.into_iter().map(add).collect()
}

pub(super) fn channels(slack: &FakeSlack, people: &[Named]) -> Vec<Named> {
    let channel = |id: &str, name: &str, topic: &str, members: &[&str]| ChannelSpec {
        id: Some(id.into()),
        name: name.into(),
        topic: topic.into(),
        members: members.iter().map(|member| id_of(people, member).to_owned()).collect(),
        app_is_member: true,
        ..ChannelSpec::default()
    };
    let staff = ["marta", "etienne", "zofia", "wanjiru", "thanhha", "oisin", "priya"];
    let specs = [
        channel(
            "C0SUPPORT01",
            "support-engineering",
            "Questions from support that need an engineer",
            &["marta", "etienne", "zofia", "wanjiru", "oisin", "priya", "yusuf", "beacon"],
        ),
        channel("C0LOGISTIC1", "logistics", "Where is the parcel?", &["thanhha", "zofia", "oisin", "marta", "wanjiru"]),
        channel("C0BILLING01", "billing", "Refunds over 200 € need Thanh Hà", &["thanhha", "priya", "wanjiru"]),
        channel("C0ONCALL001", "oncall", "This week: Priya", &["priya", "etienne", "oisin", "beacon"]),
        ChannelSpec { app_is_member: false, ..channel("C0RANDOM001", "random", "Cats, mostly", &staff) },
        ChannelSpec {
            private: true,
            ..channel("C0SECURITY1", "security", "Need to know", &["etienne", "priya", "wanjiru"])
        },
        ChannelSpec {
            private: true,
            app_is_member: false,
            ..channel("C0VIPESCAL1", "vip-escalations", "Calm voices only", &["wanjiru", "marta", "oisin"])
        },
        channel("C0OLDWAREH1", "old-warehouse", "Moved to #logistics", &["zofia", "thanhha"]),
        ChannelSpec {
            shared_with: Some(NORDFREIGHT.into()),
            ..channel(
                "C0NORDFRT01",
                "acme-nordfreight",
                "Acme and Nordfreight: sea freight to Rotterdam",
                &["thanhha", "zofia", "ingrid"],
            )
        },
    ];
    let add = |spec: ChannelSpec| Named { name: spec.name.clone(), id: slack.add_channel(spec) };
    specs.into_iter().map(add).collect()
}
