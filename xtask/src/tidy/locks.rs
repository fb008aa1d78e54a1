//! Lock files name packages and checksums, never the machine they were fetched from.

use super::Fault;

/// Checks one file; anything but a lock file passes.
pub fn check(path: &str, text: &str) -> Vec<Fault> {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name {
        "package-lock.json" => lines(path, text, |line| {
            let address = line.contains("\"resolved\"") && line.contains("://");
            address.then_some("an address; set `omit-lockfile-registry-resolved` and lock again")
        }),
        "Cargo.lock" => {
            let source = |line: &str| line.strip_prefix("source = ").map(str::to_owned);
            let first = text.lines().find_map(source);
            lines(path, text, |line| {
                let other = source(line).is_some_and(|found| Some(found) != first);
                other.then_some("a package from somewhere else than the others")
            })
        }
        _ => Vec::new(),
    }
}

fn lines(path: &str, text: &str, law: impl Fn(&str) -> Option<&'static str>) -> Vec<Fault> {
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| Some(Fault::new(format!("{path}:{}", index + 1), law(line)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_the_front_ends_lock_file_is_a_fault() {
        let text =
            "{\n  \"resolved\": \"https://mirror.example/a.tgz\",\n  \"integrity\": \"x\"\n}";
        assert_eq!(check("ui/package-lock.json", text).len(), 1);
        assert!(check("ui/package-lock.json", "{ \"integrity\": \"x\" }").is_empty());
    }

    #[test]
    fn a_crate_from_elsewhere_is_a_fault() {
        let text = "source = \"registry+a\"\nsource = \"registry+a\"\nsource = \"git+https://x\"\n";
        assert_eq!(check("Cargo.lock", text).len(), 1);
    }
}
