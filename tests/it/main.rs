//! Stories: the real app on fake vendors and a clock that stands still until it is moved.

mod adoption;
mod catch_up;
mod doubt;
mod every_act;
mod follow_up;
mod house;
mod lanes;
mod late;
mod leaves;
mod listed;
mod mended;
mod notes;
mod nothing_twice;
mod pace;
mod parked;
mod refusals;
mod restored;
mod slack_to_zendesk;
mod state;
mod ticket;
mod trace;
mod workspace;
mod zendesk_to_slack;
