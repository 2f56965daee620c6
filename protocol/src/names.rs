//! What people may call themselves and write: checked on both ends with the same code.

use crate::limits::{MAX_CHAT_CHARS, MAX_NAME_CHARS, MIN_NAME_CHARS};

/// Returns whether `name` may be shown to others: 2 to 16 letters, digits, spaces, `_`, `-` or `.`, beginning and ending with
/// something visible. ASCII only, so that no two names look alike and none can steer a terminal.
pub fn valid_name(name: &str) -> bool {
    (MIN_NAME_CHARS..=MAX_NAME_CHARS).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'_' | b'-' | b'.'))
        && !name.starts_with(' ')
        && !name.ends_with(' ')
}

/// Returns `line` ready to be shown, or none if nothing is left: trimmed, without control characters, at most
/// [`MAX_CHAT_CHARS`] characters.
pub fn clean_chat(line: &str) -> Option<String> {
    let clean: String = line.chars().filter(|c| !c.is_control()).take(MAX_CHAT_CHARS).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_visible_ascii() {
        for good in ["Al", "Ripley_8", "a-b.c d", "ABCDEFGHIJKLMNOP"] {
            assert!(valid_name(good), "{good}");
        }
        for bad in ["", "x", " lead", "trail ", "tab\tname", "\u{1b}[31mred", "Zoë", "ABCDEFGHIJKLMNOPQ"] {
            assert!(!valid_name(bad), "{bad}");
        }
    }

    #[test]
    fn chat_loses_what_nobody_should_see() {
        assert_eq!(clean_chat("  hi\u{7}there \n").as_deref(), Some("hithere"));
        assert_eq!(clean_chat(" \u{1b} "), None);
        assert_eq!(clean_chat(&"x".repeat(1_000)).map(|c| c.len()), Some(MAX_CHAT_CHARS));
    }
}
