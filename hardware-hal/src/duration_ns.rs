//! Durations as whole nanoseconds in files; longer ones than 584 years end there.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(nanoseconds(*duration))
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_nanos)
}

/// The same for a shortest and a longest duration.
pub mod range {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer, nanoseconds};

    pub fn serialize<S: Serializer>(range: &(Duration, Duration), serializer: S) -> Result<S::Ok, S::Error> {
        [nanoseconds(range.0), nanoseconds(range.1)].serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(Duration, Duration), D::Error> {
        <[u64; 2]>::deserialize(deserializer).map(|[low, high]| (Duration::from_nanos(low), Duration::from_nanos(high)))
    }
}
