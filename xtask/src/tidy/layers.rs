//! A crate uses only crates of lower layers.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Fault;

/// Each crate of the workspace and its layer. The window's crate is the highest.
const LAYERS: &[(&str, u32)] = &[
    ("protocol", 0),
    ("sync-core", 1),
    ("time-socket", 1),
    ("audio-engine", 2),
    ("relay-server", 2),
    ("track-store", 2),
    ("webrtc-bridge", 2),
    ("peer", 3),
    ("relay-load", 3),
    ("simulation", 3),
    ("synced-swarm-audio", 4),
    ("xtask", 4),
];

/// Crates that no shipped crate may use: they exist to test or to build the others.
const NOT_SHIPPED: &[&str] = &["relay-load", "simulation", "xtask"];

/// What the helper commands may use: more would keep them from building on a bare machine.
const XTASK_MAY_USE: &[&str] = &["protocol"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `null` for an ordinary dependency.
    kind: Option<String>,
    /// Set for crates of this workspace only.
    path: Option<String>,
}

/// Checks what `cargo metadata --no-deps` says.
///
/// # Errors
///
/// When it is not what cargo writes.
pub fn check(metadata: &str) -> Result<Vec<Fault>> {
    let metadata: Metadata =
        serde_json::from_str(metadata).context("cargo metadata in an unknown form")?;
    let layers: BTreeMap<&str, u32> = LAYERS.iter().copied().collect();
    let mut faults = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(layer) = layers.get(name) else {
            faults.push(Fault::new(name, "has no layer; give it one in xtask/src/tidy/layers.rs"));
            continue;
        };
        for dependency in &package.dependencies {
            if dependency.path.is_some() {
                faults.extend(edge(name, *layer, dependency, &layers));
            }
        }
    }
    Ok(faults)
}

fn edge(
    name: &str,
    layer: u32,
    dependency: &Dependency,
    layers: &BTreeMap<&str, u32>,
) -> Option<Fault> {
    let used = dependency.name.as_str();
    if name == used {
        return None;
    }
    let for_tests = dependency.kind.as_deref() == Some("dev");
    let law = if NOT_SHIPPED.contains(&used) && !for_tests {
        format!("ships, and must not use {used}, which does not")
    } else if name == "xtask" && !XTASK_MAY_USE.contains(&used) {
        format!("must build on a bare machine, and must not use {used}")
    } else if layers.get(used).is_some_and(|used| *used >= layer) && !for_tests {
        format!("lies in layer {layer} and must not use {used}, which lies no lower")
    } else {
        return None;
    };
    Some(Fault::new(name, law))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(name: &str, used: &str, kind: &str) -> String {
        format!(
            "{{\"packages\":[{{\"name\":\"{name}\",\"dependencies\":[\
             {{\"name\":\"{used}\",\"kind\":{kind},\"path\":\"/x\"}},\
             {{\"name\":\"serde\",\"kind\":null,\"path\":null}}]}}]}}"
        )
    }

    #[test]
    fn an_edge_to_a_higher_or_equal_layer_is_a_fault() {
        for (name, used) in [
            ("sync-core", "peer"),
            ("audio-engine", "track-store"),
            ("protocol", "sync-core"),
            ("peer", "simulation"),
            ("xtask", "peer"),
        ] {
            let faults = check(&metadata(name, used, "null")).unwrap();
            assert_eq!(faults.len(), 1, "{name} uses {used}");
        }
    }

    #[test]
    fn lower_layers_and_test_dependencies_are_allowed() {
        for (name, used, kind) in [
            ("peer", "audio-engine", "null"),
            ("simulation", "relay-server", "null"),
            ("peer", "simulation", "\"dev\""),
            ("xtask", "protocol", "null"),
        ] {
            assert_eq!(check(&metadata(name, used, kind)).unwrap(), [], "{name} uses {used}");
        }
    }

    #[test]
    fn a_crate_without_a_layer_is_a_fault() {
        assert_eq!(check(&metadata("newcomer", "protocol", "null")).unwrap().len(), 1);
    }
}
