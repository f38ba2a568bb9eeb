//! The commands of the one binary, and what joins the parts.

pub mod app;
pub mod check;
#[cfg(feature = "demo")]
pub mod demo;
pub mod erase;
pub mod health;
pub mod manifest;
mod memory;
pub mod merged;
pub mod parked;
pub mod serve;
mod supervisor;
pub mod trace;
pub mod vendors;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser, Subcommand};

use crate::bridge::erase::Whom;
use crate::config::{Config, ConfigErrors};
use crate::engine::clock::{Clock, SystemClock};
use crate::wire::HttpWire;

/// The exit code where the settings are at fault: a restart would not help. As EX_CONFIG of sysexits.h.
pub const SETTINGS_AT_FAULT: u8 = 78;

/// Makes a Zendesk side conversation and a Slack thread one conversation.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "demo")]
    /// Try it: the bridge between a fake Slack and a fake Zendesk, with no account anywhere
    Demo(demo::Wishes),
    #[cfg(feature = "demo")]
    /// The bridge of a demo, which stops when its standard input ends
    #[command(hide = true)]
    DemoBridge {
        /// Its settings file, the only settings that it reads
        #[arg(long)]
        config: PathBuf,
        /// What its chances are drawn from
        #[arg(long)]
        seed: u64,
        /// The clock it lives by, instead of the machine's
        #[arg(long)]
        clock: Option<demo::pace::PacedClock>,
    },
    /// Run the bridge
    Serve {
        /// The settings file [default: sidethread.toml in this folder, if there is one]
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Ask Slack and Zendesk whether the settings work, and say what to fix
    Check {
        /// The settings file [default: sidethread.toml in this folder, if there is one]
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// List what could not be delivered, and retry it or give it up
    Parked {
        #[command(subcommand)]
        command: Parked,
    },
    /// Show every step of each message in a thread, with times; works while the bridge runs
    Trace {
        /// The link of a Slack message, the id of a side conversation, or the number of a ticket
        what: String,
        /// The settings file [default: sidethread.toml in this folder, if there is one]
        #[arg(long)]
        config: Option<PathBuf>,
        /// Also show what people wrote
        #[arg(long)]
        text: bool,
    },
    /// Erase what is kept about a ticket or a person, and list what Slack and Zendesk still have
    Erase {
        /// A ticket, by its number
        #[arg(long)]
        ticket: Option<i64>,
        /// Somebody in Zendesk, by their user id
        #[arg(long)]
        user: Option<i64>,
        /// Somebody in Slack, by their member id
        #[arg(long)]
        slack_user: Option<String>,
        /// Another name or address of that person; may be given several times
        #[arg(long)]
        name: Vec<String>,
        /// The settings file [default: sidethread.toml in this folder, if there is one]
        #[arg(long)]
        config: Option<PathBuf>,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Tell the bridge into which ticket another one was merged, where Zendesk does not say
    Merged {
        /// The ticket that was merged, by its number
        ticket: i64,
        /// The ticket it was merged into, by its number
        #[arg(long)]
        into: i64,
        /// The settings file [default: sidethread.toml in this folder, if there is one]
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Print the Slack app manifest with the public URL filled in
    Manifest {
        /// The settings file [default: sidethread.toml in this folder, if there is one]
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Ask the running bridge whether it is alive; ends with 0 if it is
    Health {
        /// The settings file [default: sidethread.toml in this folder, if there is one]
        #[arg(long)]
        config: Option<PathBuf>,
        /// Ask whether it is ready to take messages, too
        #[arg(long)]
        ready: bool,
    },
    /// Print a script that completes these commands in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum Parked {
    /// List everything that waits for a person, oldest first
    List {
        /// The settings file [default: sidethread.toml in this folder, if there is one]
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Show one of them, with all that is known about it
    Show {
        /// Its number in the list
        id: String,
        /// The settings file [default: sidethread.toml in this folder, if there is one]
        #[arg(long)]
        config: Option<PathBuf>,
        /// Also show what people wrote
        #[arg(long)]
        text: bool,
    },
    /// Try one of them again
    Retry {
        /// Its number in the list
        id: String,
        /// The settings file [default: sidethread.toml in this folder, if there is one]
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Give one of them up for good; its people are told
    Drop {
        /// Its number in the list
        id: String,
        /// The settings file [default: sidethread.toml in this folder, if there is one]
        #[arg(long)]
        config: Option<PathBuf>,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the command that was asked for.
pub async fn run(arguments: Arguments) -> ExitCode {
    let done = match arguments.command {
        #[cfg(feature = "demo")]
        Command::Demo(wishes) => demo::run(wishes).await,
        #[cfg(feature = "demo")]
        Command::DemoBridge { config, seed, clock } => match given(Config::load(Some(&config), [])) {
            Ok(config) => demo::bridge(config, seed, clock).await.map(|()| true),
            Err(code) => return code,
        },
        Command::Serve { config } => match settings(config.as_deref()) {
            Ok(config) => serve::run(config).await.map(|()| true),
            Err(code) => return code,
        },
        Command::Check { config } => match settings(config.as_deref()) {
            Ok(config) => check(&config).await,
            Err(code) => return code,
        },
        Command::Parked { command } => match command.settings() {
            Ok(config) => command.run(config).await,
            Err(code) => return code,
        },
        Command::Trace { what, config, text } => match settings(config.as_deref()) {
            Ok(config) => trace(&config, &what, text).await,
            Err(code) => return code,
        },
        Command::Erase { ticket, user, slack_user, name, config, yes } => match settings(config.as_deref()) {
            Ok(config) => erase(config, erase::whom(ticket, user, slack_user.as_deref()), name, yes).await,
            Err(code) => return code,
        },
        Command::Merged { ticket, into, config } => match settings(config.as_deref()) {
            Ok(config) => merged(config, ticket, into).await,
            Err(code) => return code,
        },
        Command::Manifest { config } => match settings(config.as_deref()) {
            Ok(config) => {
                print!("{}", manifest::run(&config));
                Ok(true)
            }
            Err(code) => return code,
        },
        Command::Health { config, ready } => match settings(config.as_deref()) {
            Ok(config) => health(&config, ready).await,
            Err(code) => return code,
        },
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "sidethread", &mut script);
            say(&String::from_utf8_lossy(&script));
            Ok(true)
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}", words::clean_lines(&format!("sidethread cannot continue: {error:#}")));
            ExitCode::FAILURE
        }
    }
}

async fn check(config: &Config) -> anyhow::Result<bool> {
    let report = check::run(config, Arc::new(HttpWire::new()?), Arc::new(SystemClock)).await;
    println!("{report}");
    Ok(report.ok())
}

async fn health(config: &Config, ready: bool) -> anyhow::Result<bool> {
    say(&(health::run(config, ready, &HttpWire::without_proxy()?).await? + "\n"));
    Ok(true)
}

impl Parked {
    fn settings(&self) -> Result<Config, ExitCode> {
        let (Parked::List { config }
        | Parked::Show { config, .. }
        | Parked::Retry { config, .. }
        | Parked::Drop { config, .. }) = self;
        settings(config.as_deref())
    }

    async fn run(&self, config: Config) -> anyhow::Result<bool> {
        let (path, now_ms) = (config.database.path.clone(), SystemClock.now_ms());
        let (id, wish) = match self {
            Parked::List { .. } => {
                say(&parked::list(&path, now_ms).await?);
                return Ok(true);
            }
            Parked::Show { id, text, .. } => {
                say(&parked::show(&path, id, *text, now_ms).await?);
                return Ok(true);
            }
            Parked::Retry { id, .. } => (id, parked::Wish::Retry),
            Parked::Drop { id, yes, .. } => {
                parked::number(id)?;
                if !yes && !parked::confirm(&parked::show(&path, id, false, now_ms).await?)? {
                    say("Nothing was changed.\n");
                    return Ok(true);
                }
                (id, parked::Wish::Drop)
            }
        };
        let wire = Arc::new(HttpWire::without_proxy()?);
        say(&parked::decide(config, id, wish, wire, Arc::new(SystemClock)).await?);
        Ok(true)
    }
}

async fn trace(config: &Config, what: &str, text: bool) -> anyhow::Result<bool> {
    let asked = trace::Asked::parse(what)?;
    say(&trace::run(&config.database.path, &asked, text, SystemClock.now_ms()).await?);
    Ok(true)
}

async fn merged(config: Config, ticket: i64, into: i64) -> anyhow::Result<bool> {
    let wire = Arc::new(HttpWire::without_proxy()?);
    say(&merged::run(config, ticket, into, wire, Arc::new(SystemClock)).await?);
    Ok(true)
}

async fn erase(config: Config, whom: anyhow::Result<Whom>, names: Vec<String>, yes: bool) -> anyhow::Result<bool> {
    let whom = whom?;
    let names = erase::further_names(&whom, names)?;
    if !yes && !erase::confirm()? {
        say("Nothing was changed.\n");
        return Ok(true);
    }
    let wire = Arc::new(HttpWire::without_proxy()?);
    say(&erase::run(config, &erase::Erasure { whom, names }, wire, Arc::new(SystemClock)).await?);
    Ok(true)
}

/// Prints, also where nobody reads to the end.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(words::clean_lines(text).as_bytes());
}

fn settings(path: Option<&Path>) -> Result<Config, ExitCode> {
    given(Config::load(path, std::env::vars()))
}

fn given(read: Result<Config, ConfigErrors>) -> Result<Config, ExitCode> {
    read.map_err(|errors| {
        eprintln!("{}", words::clean_lines(&errors.to_string()));
        ExitCode::from(SETTINGS_AT_FAULT)
    })
}
