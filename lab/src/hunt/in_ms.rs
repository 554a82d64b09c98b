//! A node's settings as a case has them: the flags, but a time is a number of milliseconds, in a key
//! that says so.

use std::collections::BTreeMap;
use std::time::Duration;

use rumormill::config::{Setting, Settings as _};
use rumormill::protocols::rumormill::config::Config;
use serde::de::value::MapDeserializer;
use serde::{Deserialize as _, Deserializer, Serializer};
use toml::Value;

/// The end of the key of a time, behind the flag's name.
const IN_MS: &str = "-ms";

/// Writes all settings.
pub(super) fn serialize<S: Serializer>(config: &Config, to: S) -> Result<S::Ok, S::Error> {
    let mut config = config.clone();
    let ms = |time: Duration| (IN_MS, Value::Integer(time.as_millis() as i64));
    to.collect_map(Config::FLAGS.iter().filter_map(|flag| {
        let (unit, value) = match flag.setting {
            Setting::Delay(field) | Setting::Interval(field) => ms(*field(&mut config)),
            Setting::OptionalDelay(field) => ms((*field(&mut config))?),
            Setting::Count(field) | Setting::Number(field) => {
                ("", Value::Integer(*field(&mut config) as i64))
            }
            Setting::Choice { show, .. } => ("", show(&config).into()),
        };
        Some((format!("{}{unit}", flag.name.trim_start_matches('-')), value))
    }))
}

/// Reads what is there. A setting that is absent has its default.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Config, D::Error> {
    // A flag takes a bare number as milliseconds, too.
    let flags = BTreeMap::<String, Value>::deserialize(from)?.into_iter().map(|(key, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (key.trim_end_matches(IN_MS).to_owned(), text)
    });
    Config::deserialize(MapDeserializer::new(flags))
}
