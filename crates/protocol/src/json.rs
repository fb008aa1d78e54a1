//! How deep a text nests, without reading what it says.

/// The most arrays and objects of a JSON text that are open at once.
///
/// A parser follows every level with one of its own stack or heap, so that this is worth knowing
/// before it starts. A text that is no JSON gets some number; refusing it is the parser's part.
pub fn json_depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut rest = text;
    loop {
        // Most of a long message stands inside texts.
        let (outside, behind) = rest.split_once('"').unwrap_or((rest, ""));
        for byte in outside.bytes() {
            match byte {
                b'{' | b'[' => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        if behind.is_empty() {
            return deepest;
        }
        rest = behind_text(behind);
    }
}

/// What stands behind the end of a text whose first quotation mark was passed.
fn behind_text(text: &str) -> &str {
    let mut from = 0;
    while let Some(length) = text[from..].find('"') {
        let end = from + length;
        from = end + 1;
        let escapes = text[..end].bytes().rev().take_while(|byte| *byte == b'\\').count();
        if escapes.is_multiple_of(2) {
            return &text[from..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_and_what_stands_in_texts_is_not() {
        for (text, depth) in [
            ("", 0),
            ("7", 0),
            ("{}", 1),
            (r#"{"a":[{"b":1}],"c":[]}"#, 3),
            (r#"{"a":"[[[["}"#, 1),
            (r#"{"a":"\"[[[["}"#, 1),
            (r#"{"a":"\\","b":[[1]]}"#, 3),
            (r#"{"a":"\\\"[[","b":[1]}"#, 2),
            (r#"["[[", "\"#, 1),
            (r#"["[[\""#, 1),
            (r#"["" , "[", []"#, 2),
            ("[\"[[[", 1),
            ("\"", 0),
            ("[[[]]][[", 3),
            ("]]][", 1),
        ] {
            assert_eq!(json_depth(text), depth, "{text}");
        }
        assert_eq!(json_depth(&"[".repeat(65_536)), 65_536);
    }
}
