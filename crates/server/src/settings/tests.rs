use super::*;

fn read(args: &[&str]) -> Result<Settings> {
    let command = clap::Command::new("stagedoor").args(flags());
    let all = std::iter::once(&"stagedoor").chain(args);
    Settings::read(&command.try_get_matches_from(all).unwrap())
}

#[test]
fn every_setting_has_a_default_that_is_right() {
    let settings = read(&[]).unwrap();
    assert_eq!((settings.hold_seconds, settings.seats_per_reservation), (300, 4));
    assert_eq!(settings.database.to_string(), "data/stagedoor.db");
}

#[test]
fn the_readme_tells_of_every_setting_and_its_default() {
    let readme = include_str!("../../../../README.md");
    for setting in SETTINGS {
        let row = format!("| `{}` | ", variable(setting.name));
        let row = readme.lines().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("{} is not told of", setting.name));
        assert!(setting.default.is_empty() || row.contains(&format!("`{}`", setting.default)));
    }
}

#[test]
fn a_wrong_value_is_named_in_one_line() {
    for (flag, value) in [
        ("--hold-seconds", "five"),
        ("--listen", "8080"),
        ("--currency", "won"),
        ("--log-format", "xml"),
        ("--admin-listen", "9090"),
        ("--docs", "yes"),
        ("--trusted-proxies", "10.0.0.0/33"),
        ("--cors-origins", "*"),
        ("--cors-origins", "https://tickets.example.com/"),
        ("--cors-origins", "tickets.example.com"),
    ] {
        let said = format!("{:#}", read(&[flag, value]).err().unwrap());
        assert!(said.starts_with(&format!("{flag}: \"{value}\" is not ")), "{said}");
        assert_eq!(said.lines().count(), 1);
    }
}

#[test]
fn the_embedded_store_takes_no_show_that_would_stop_it_for_long() {
    let large = ["--seats-per-show-max", "100001"];
    assert!(read(&large).is_err());
    let on_postgres = [&large[..], &["--database-url", "postgres://here/shop"]].concat();
    assert_eq!(read(&on_postgres).unwrap().seats_per_show_max, 100_001);
}

#[test]
fn a_wrong_secret_is_not_repeated() {
    let with_comma = "hush, a secret that is long enough to be one";
    for (flag, value) in [
        ("--secret", "hush"),
        ("--secret", with_comma),
        ("--secret-previous", with_comma),
        ("--secret", "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"),
        ("--secret", "hushushushushushushushushushushushus"),
    ] {
        let said = format!("{:#}", read(&[flag, value]).err().unwrap());
        let wanted =
            "a secret has at least 32 characters, eight or more of them different, and no comma";
        assert_eq!(said, format!("{flag}: {wanted}"));
    }
    for url in ["mysql://me:hush@here/shop", "postgres://me:hush@here:port/shop", "sqlite:"] {
        let said = format!("{:#}", read(&["--database-url", url]).err().unwrap());
        assert!(said.starts_with("--database-url: ") && !said.contains("hush"), "{said}");
    }
}

#[test]
fn a_payment_provider_needs_a_secret_which_is_not_repeated() {
    assert!(read(&[]).unwrap().gateway.is_none());
    let url = ["--gateway-url", "http://127.0.0.1:9/pay"];
    for secret in [None, Some("hush")] {
        let flags: Vec<_> = secret.iter().flat_map(|secret| ["--gateway-secret", secret]).collect();
        let said = format!("{:#}", read(&[&url[..], &flags].concat()).err().unwrap());
        assert!(said.contains("gateway") && said.contains("32 characters"), "{said}");
        assert!(!said.contains("hush") && said.lines().count() == 1, "{said}");
    }
    let secret = ["--gateway-secret", "a secret that is long enough to be one"];
    assert!(read(&[url, secret].concat()).unwrap().gateway.is_some());
}

#[test]
fn what_ended_is_kept_for_so_many_days_or_for_ever() {
    let kept_for = |args| read(args).unwrap().retention.map(|policy| policy.kept_for);
    assert_eq!(kept_for(&[]), Some(TimeDelta::days(90)));
    assert_eq!(kept_for(&["--retention-days", "1"]), Some(TimeDelta::days(1)));
    assert_eq!(kept_for(&["--retention-days", "0"]), None);
}

#[test]
fn a_database_is_a_file_or_postgresql() {
    for (url, shown) in [
        ("sqlite:here/it is.db", "here/it is.db"),
        ("sqlite:///here/it.db", "/here/it.db"),
        ("postgres://me:hush@db.example/shop", "postgres://db.example:5432/shop"),
    ] {
        let settings = read(&["--database-url", url]).unwrap();
        assert_eq!(settings.database.to_string(), shown);
    }
}

#[test]
fn a_flag_comes_before_the_file_and_an_unknown_name_in_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stagedoor.toml");
    std::fs::write(&path, "hold_seconds = 7\ncharge_max = 5\n").unwrap();
    let path_text = path.to_str().unwrap();
    let settings = read(&["--config", path_text, "--hold-seconds", "8"]).unwrap();
    assert_eq!((settings.hold_seconds, settings.charge_max.minor_units()), (8, 5));
    std::fs::write(&path, "hold_second = 7\n").unwrap();
    let said = format!("{:#}", read(&["--config", path_text]).err().unwrap());
    assert!(said.starts_with("hold_second in ") && said.ends_with("there is no such setting"));
}
