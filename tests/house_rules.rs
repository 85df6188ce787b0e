//! Who may import whom, read from the workspace itself.

#![expect(clippy::unwrap_used, reason = "these are tests, which fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Each crate's own dependencies of one kind.
fn dependencies(kind: DependencyKind) -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let of = |package: &cargo_metadata::Package| {
        let of_kind = package.dependencies.iter().filter(|dependency| dependency.kind == kind);
        of_kind.map(|dependency| dependency.name.clone()).collect()
    };
    metadata.packages.iter().map(|package| (package.name.to_string(), of(package))).collect()
}

/// Which of our crates each may use, and nothing else.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("group-commit", &[]),
    ("application", &["domain"]),
    ("adapter-auth", &["domain"]),
    ("adapter-gateway", &["domain"]),
    ("adapter-http", &["application", "domain"]),
    ("adapter-postgres", &["domain", "group-commit", "offline-store"]),
    ("adapter-sqlite", &["domain", "group-commit", "offline-store"]),
    ("offline-store", &["domain"]),
    ("store-contract", &["domain"]),
    ("throw-away-postgres", &[]),
    ("web", &[]),
    (
        "server",
        &[
            "adapter-auth",
            "adapter-gateway",
            "adapter-http",
            "adapter-postgres",
            "adapter-sqlite",
            "application",
            "domain",
            "offline-store",
            "web",
        ],
    ),
    ("bench", &["adapter-auth", "domain", "throw-away-postgres"]),
];

#[test]
fn crates_use_only_the_crates_they_may() {
    let ours: BTreeSet<String> = ALLOWED.iter().map(|(name, _)| (*name).to_owned()).collect();
    let found = dependencies(DependencyKind::Normal);
    assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), ours, "every crate has its rule");
    for (name, allowed) in ALLOWED {
        let used: BTreeSet<_> = found[*name].intersection(&ours).map(String::as_str).collect();
        let allowed: BTreeSet<_> = allowed.iter().copied().collect();
        assert!(used.is_subset(&allowed), "{name} uses {:?}", used.difference(&allowed));
    }
}

#[test]
fn the_rules_know_no_runtime_no_framework_and_no_database() {
    let found = dependencies(DependencyKind::Normal);
    for outsider in ["tokio", "actix-web", "diesel", "rand", "tracing", "anyhow"] {
        assert!(!found["domain"].contains(outsider), "domain uses {outsider}");
    }
    for (name, used) in &found {
        if used.contains("diesel") {
            let stores = ["adapter-postgres", "adapter-sqlite"];
            assert!(stores.contains(&name.as_str()), "{name} uses diesel, which is for stores");
        }
        if used.contains("actix-web") {
            let servers = ["adapter-http", "bench", "server"];
            assert!(servers.contains(&name.as_str()), "{name} uses actix-web");
        }
        if used.contains("anyhow") {
            assert!(["server", "bench"].contains(&name.as_str()), "{name} uses anyhow");
        }
    }
}
