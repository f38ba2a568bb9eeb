//! What is wrong with the settings: where, which key, why, and what to do. No message holds a value
//! that could be a secret; a test feeds every secret key with nonsense and looks.

use std::fmt;

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The settings file as a whole: something is not in it.
    File { name: String },
    /// A place in the settings file; both numbers count from 1, the column in characters.
    Place { name: String, line: usize, column: usize },
    /// An environment variable.
    Env { variable: String },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { name } => f.write_str(name),
            Origin::Place { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Origin::Env { variable } => write!(f, "environment variable {variable}"),
        }
    }
}

/// One thing that is wrong, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it was written, or where it should be.
    pub origin: Origin,
    /// The setting, as in `slack.bot_token`; empty when the file itself is meant.
    pub key: String,
    /// Why it is refused.
    pub reason: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)?;
        match &self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Everything that is wrong with the settings, one line each; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Why one value is refused, before it is known where the value came from.
pub(super) struct Fault {
    pub(super) reason: String,
    pub(super) remedy: Option<String>,
}

impl Fault {
    pub(super) fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Fault { reason: reason.into(), remedy: Some(remedy.into()) }
    }
}
