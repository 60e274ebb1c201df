//! `cargo xtask ci`: what has to pass before a change lands.

use crate::{
    bench,
    shell::{Arguments, Outcome, cargo, left_out, root, step, succeeds},
    test,
};

pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let full = arguments.flag("--full");
    formatting()?;
    lints()?;
    documentation()?;
    test::run_as(arguments, full)?;
    if full {
        features()?;
        other_targets()?;
        oldest_rust()?;
        counts()?;
    }
    println!("── everything passed");
    Ok(())
}

fn formatting() -> Outcome {
    step("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
    let fuzz = ["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"];
    step("formatting of the fuzz targets", &mut cargo(&fuzz))
}

fn lints() -> Outcome {
    let everything = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    step("lints", &mut cargo(&everything))?;
    // No target of an ordinary test run, and so not among all targets.
    let real = ["clippy", "--package", "rocketmq-interop", "--test", "real"];
    step("lints of the tests on real servers", cargo(&real).args(["--", "--deny", "warnings"]))?;
    // The parts of the codec crate that others build alone.
    let bare = ["clippy", "--package", "rocketmq-protocol", "--no-default-features"];
    step("lints of the bare codec", cargo(&bare).args(["--", "--deny", "warnings"]))
}

fn documentation() -> Outcome {
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
    step("documentation", doc.env("RUSTDOCFLAGS", "--deny warnings"))
}

/// Every pair of features of the libraries compiles.
fn features() -> Outcome {
    if !succeeds(&mut cargo(&["hack", "--version"])) {
        step("installing cargo-hack", &mut cargo(&["install", "cargo-hack", "--locked"]))?;
    }
    let libraries = LIBRARIES.iter().flat_map(|library| ["--package", library]);
    let mut check = cargo(&["hack", "check", "--feature-powerset", "--depth", "2"]);
    check.args(["--exclude-features", "_tls"]); // what both kinds of TLS have in common, and none by itself
    step("feature powerset", check.args(libraries))
}

const LIBRARIES: [&str; 6] = [
    "rocketmq-protocol",
    "rocketmq-remoting",
    "rocketmq-route",
    "rocketmq-consumer",
    "rocketmq-client",
    "rocketmq-mock",
];

/// The libraries compile for a static Linux binary, for Windows and for macOS.
fn other_targets() -> Outcome {
    for target in ["x86_64-unknown-linux-musl", "x86_64-pc-windows-gnu", "aarch64-apple-darwin"] {
        let installed =
            succeeds(std::process::Command::new("rustup").args(["target", "add", target]));
        if !installed {
            left_out(
                &format!("cargo check for {target}"),
                "the target cannot be installed",
                false,
            )?;
            continue;
        }
        let mut check = cargo(&["check", "--target", target]);
        check.args(LIBRARIES.iter().flat_map(|library| ["--package", library]));
        step(&format!("cargo check for {target}"), &mut check)?;
    }
    Ok(())
}

/// What benchmarks count, other than what they time, is the same on every machine: they fail where something allocates that must
/// not, or takes more instructions than before.
fn counts() -> Outcome {
    let run = ["run", "--quiet", "--release", "--package", "rocketmq-benches", "--bin", "codec"];
    step("benchmarks that count", &mut cargo(&run))?;
    bench::instructions()
}

/// The libraries compile with the oldest Rust that the manifest promises.
fn oldest_rust() -> Outcome {
    let mut check = std::process::Command::new("cargo");
    check.args(["+1.88", "check"]).current_dir(root());
    check.args(LIBRARIES.iter().flat_map(|library| ["--package", library]));
    let install = ["toolchain", "install", "1.88", "--profile", "minimal"];
    if succeeds(std::process::Command::new("cargo").args(["+1.88", "--version"]))
        || succeeds(std::process::Command::new("rustup").args(install))
    {
        return step("libraries on Rust 1.88", &mut check);
    }
    left_out("libraries on Rust 1.88", "this toolchain cannot be installed", false)
}
