//! Values as JSON, spelled as an export of the same table to CSV spells them.

use std::borrow::Cow;

use jiff::{Timestamp, tz::Offset};
use mark::json::{INTEGER_MAX, Json};
use parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit, Type},
    data_type::Int96,
    schema::types::ColumnDescriptor,
};

/// How the values of a column are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Booleans and numbers as JSON has them, text as text.
    Plain,
    /// Integers without a sign.
    Unsigned,
    /// Days since 1970.
    Date,
    /// Units since 1970.
    Moment { per_second: i64, utc: bool },
    /// Units since midnight.
    Time { per_second: i64 },
    /// An integer, perhaps as bytes, with a point so many digits from its end.
    Decimal { scale: u32 },
    /// Sixteen bytes.
    Uuid,
    /// Bytes that are no text.
    Opaque,
}

impl Spelling {
    pub(crate) fn of(column: &ColumnDescriptor) -> Self {
        let physical = column.physical_type();
        let spelling = column.logical_type_ref().map_or_else(
            || Self::of_converted(column.converted_type(), column.type_scale()),
            Self::of_logical,
        );
        let fits = match spelling {
            Self::Plain => physical != Type::FIXED_LEN_BYTE_ARRAY,
            Self::Unsigned | Self::Date | Self::Moment { .. } | Self::Time { .. } => {
                matches!(physical, Type::INT32 | Type::INT64)
            }
            Self::Decimal { .. } => {
                !matches!(physical, Type::BOOLEAN | Type::FLOAT | Type::DOUBLE | Type::INT96)
            }
            Self::Uuid => physical == Type::FIXED_LEN_BYTE_ARRAY,
            Self::Opaque => true,
        };
        if fits { spelling } else { Self::Opaque }
    }

    fn of_logical(logical: &LogicalType) -> Self {
        let per_second = |unit: TimeUnit| match unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        };
        if let LogicalType::Integer(kind) = logical {
            if kind.is_signed { Self::Plain } else { Self::Unsigned }
        } else if let LogicalType::Decimal(kind) = logical {
            Self::decimal(kind.scale)
        } else if let LogicalType::Timestamp(kind) = logical {
            Self::Moment { per_second: per_second(kind.unit), utc: kind.is_adjusted_to_u_t_c }
        } else if let LogicalType::Time(kind) = logical {
            Self::Time { per_second: per_second(kind.unit) }
        } else if *logical == LogicalType::Date {
            Self::Date
        } else if *logical == LogicalType::Uuid {
            Self::Uuid
        } else if [LogicalType::String, LogicalType::Enum, LogicalType::Json, LogicalType::Unknown]
            .contains(logical)
        {
            Self::Plain
        } else {
            Self::Opaque
        }
    }

    fn of_converted(converted: ConvertedType, scale: i32) -> Self {
        match converted {
            ConvertedType::DATE => Self::Date,
            ConvertedType::DECIMAL => Self::decimal(scale),
            ConvertedType::TIMESTAMP_MILLIS => Self::Moment { per_second: 1_000, utc: true },
            ConvertedType::TIMESTAMP_MICROS => Self::Moment { per_second: 1_000_000, utc: true },
            ConvertedType::TIME_MILLIS => Self::Time { per_second: 1_000 },
            ConvertedType::TIME_MICROS => Self::Time { per_second: 1_000_000 },
            ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64 => Self::Unsigned,
            ConvertedType::BSON
            | ConvertedType::INTERVAL
            | ConvertedType::LIST
            | ConvertedType::MAP
            | ConvertedType::MAP_KEY_VALUE => Self::Opaque,
            ConvertedType::NONE
            | ConvertedType::UTF8
            | ConvertedType::ENUM
            | ConvertedType::JSON
            | ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::INT_64 => Self::Plain,
        }
    }

    fn decimal(scale: i32) -> Self {
        u32::try_from(scale)
            .ok()
            .filter(|scale| *scale <= 38)
            .map_or(Self::Opaque, |scale| Self::Decimal { scale })
    }
}

/// An integer in 32 or 64 bits.
pub(crate) fn integer(value: i64, bits: u32, spelling: Spelling) -> Json<'static> {
    match spelling {
        Spelling::Plain => whole(i128::from(value)),
        // The bits of a number without a sign stand in one with a sign.
        Spelling::Unsigned => whole(i128::from(value).rem_euclid(1_i128 << bits)),
        Spelling::Date => owned(date(value).unwrap_or_else(|| value.to_string())),
        Spelling::Moment { per_second, utc } => {
            let nanoseconds = value.rem_euclid(per_second) * (1_000_000_000 / per_second);
            owned(moment(value.div_euclid(per_second), nanoseconds, utc).unwrap_or_else(|| value.to_string()))
        }
        Spelling::Time { per_second } => owned(time(value, per_second)),
        Spelling::Decimal { scale } => owned(decimal(i128::from(value), scale)),
        Spelling::Uuid | Spelling::Opaque => Json::Null,
    }
}

/// A double; what is not a number counts as absent, as in an export.
pub(crate) fn double(value: f64) -> Json<'static> {
    if value.is_nan() {
        Json::Null
    } else if value.is_finite() {
        Json::Number(value)
    } else {
        owned(if value > 0.0 { "inf" } else { "-inf" }.to_owned())
    }
}

/// A number in 32 bits, as the shortest decimal that means it.
pub(crate) fn single(value: f32) -> Json<'static> {
    if value.is_finite() {
        double(value.to_string().parse().unwrap_or(f64::from(value)))
    } else {
        double(value.into())
    }
}

/// A moment in the twelve bytes that older writers use: nanoseconds of a Julian day, without a zone.
pub(crate) fn old_moment(value: &Int96) -> Json<'static> {
    let [low, high, day] = *value.data() else { return Json::Null };
    let nanoseconds = i128::from(u64::from(low) | u64::from(high) << 32);
    let all = (i128::from(day) - 2_440_588) * 86_400_000_000_000 + nanoseconds;
    let seconds = i64::try_from(all.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    let rest = i64::try_from(all.rem_euclid(1_000_000_000)).unwrap_or(0);
    owned(moment(seconds, rest, false).unwrap_or_else(|| seconds.to_string()))
}

/// Bytes; nothing if they are no text.
pub(crate) fn bytes(value: &[u8], spelling: Spelling) -> Option<Json<'_>> {
    match spelling {
        Spelling::Decimal { scale } => {
            let value = value.first().filter(|_| value.len() <= 16).map(|first| {
                let sign = if first & 0x80 == 0 { 0_i128 } else { -1 };
                value.iter().fold(sign, |all, byte| all << 8 | i128::from(*byte))
            })?;
            Some(owned(decimal(value, scale)))
        }
        Spelling::Uuid => {
            let value = u128::from_be_bytes(<[u8; 16]>::try_from(value).ok()?);
            let hex = format!("{value:032x}");
            let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| hex.get(part).unwrap_or_default());
            Some(owned(parts.join("-")))
        }
        Spelling::Opaque => None,
        Spelling::Plain
        | Spelling::Unsigned
        | Spelling::Date
        | Spelling::Moment { .. }
        | Spelling::Time { .. } => {
            std::str::from_utf8(value).ok().map(|text| Json::Text(Cow::Borrowed(text)))
        }
    }
}

fn owned(text: String) -> Json<'static> {
    Json::Text(Cow::Owned(text))
}

/// A number, or its digits where a double does not hold it.
fn whole(value: i128) -> Json<'static> {
    if value.unsigned_abs() <= u128::from(INTEGER_MAX) {
        #[expect(clippy::cast_precision_loss, reason = "exact: the magnitude is at most 2^53 - 1")]
        Json::Number(value as f64)
    } else {
        owned(value.to_string())
    }
}

fn decimal(value: i128, scale: u32) -> String {
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale as usize + 1);
    let (whole, fraction) = digits.split_at_checked(digits.len() - scale as usize).unwrap_or((&digits, ""));
    let (sign, point) = (if value < 0 { "-" } else { "" }, if fraction.is_empty() { "" } else { "." });
    format!("{sign}{whole}{point}{fraction}")
}

fn date(days: i64) -> Option<String> {
    let moment = Timestamp::from_second(days.checked_mul(86_400)?).ok()?;
    Some(Offset::UTC.to_datetime(moment).date().to_string())
}

fn moment(seconds: i64, nanoseconds: i64, utc: bool) -> Option<String> {
    let moment = Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok()?;
    let text = Offset::UTC.to_datetime(moment).to_string();
    Some(if utc { text + "Z" } else { text })
}

fn time(value: i64, per_second: i64) -> String {
    let (seconds, rest) = (value.div_euclid(per_second), value.rem_euclid(per_second));
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if rest == 0 {
        return text;
    }
    let fraction = format!("{:09}", rest * (1_000_000_000 / per_second));
    format!("{text}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &Json<'_>) -> String {
        String::from_utf8(mark::canonical::to_vec(value)).unwrap()
    }

    #[test]
    fn values_are_spelled_as_exports_spell_them() {
        let check = |value: Json<'_>, want: &str| assert_eq!(shown(&value), want);
        let utc = Spelling::Moment { per_second: 1_000_000, utc: true };
        check(integer(-7, 32, Spelling::Plain), "-7");
        check(integer(-1, 32, Spelling::Unsigned), "4294967295");
        check(integer(-1, 64, Spelling::Unsigned), "\"18446744073709551615\"");
        check(integer(i64::MAX, 64, Spelling::Plain), "\"9223372036854775807\"");
        check(integer(20_000, 32, Spelling::Date), "\"2024-10-04\"");
        check(integer(i64::MAX, 64, Spelling::Date), "\"9223372036854775807\"");
        check(integer(1_700_000_000_500_000, 64, utc), "\"2023-11-14T22:13:20.5Z\"");
        check(
            integer(-1, 64, Spelling::Moment { per_second: 1000, utc: false }),
            "\"1969-12-31T23:59:59.999\"",
        );
        check(integer(45_296_500, 32, Spelling::Time { per_second: 1000 }), "\"12:34:56.5\"");
        check(integer(-5, 32, Spelling::Decimal { scale: 2 }), "\"-0.05\"");
        check(integer(1250, 64, Spelling::Decimal { scale: 0 }), "\"1250\"");
        check(single(0.1), "0.1");
        check(double(f64::NAN), "null");
        check(double(f64::NEG_INFINITY), "\"-inf\"");
        check(bytes(&[0xFF, 0x38], Spelling::Decimal { scale: 1 }).unwrap(), "\"-20.0\"");
        check(bytes(&[0x11; 16], Spelling::Uuid).unwrap(), "\"11111111-1111-1111-1111-111111111111\"");
        check(bytes("é".as_bytes(), Spelling::Plain).unwrap(), "\"é\"");
        let mut old = Int96::new();
        old.set_data(0, 0, 2_440_588);
        check(old_moment(&old), "\"1970-01-01T00:00:00\"");
        for (value, spelling) in
            [(&b"\xFF"[..], Spelling::Plain), (b"x", Spelling::Opaque), (b"x", Spelling::Uuid)]
        {
            assert_eq!(bytes(value, spelling), None);
        }
    }
}
