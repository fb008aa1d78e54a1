//! How deep a text nests, without reading what it says.

/// The most arrays and objects of a JSON text that are open at once.
///
/// A parser follows every level with one of its own stack or heap, so that this is worth knowing
/// before it starts. A text that is no JSON gets some number; refusing it is the parser's part.
pub fn json_depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in text.bytes() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
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
            ("[[[]]][[", 3),
            ("]]][", 1),
        ] {
            assert_eq!(json_depth(text), depth, "{text}");
        }
        assert_eq!(json_depth(&"[".repeat(65_536)), 65_536);
    }
}
