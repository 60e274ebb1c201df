//! S24: the simulation of groups, 2,000 seeds of it. The simulation is its own judge, and is itself judged by planted bugs.

use std::process::Command;

use tokio::task::spawn_blocking;

use super::Trial;

pub(super) async fn run(trial: &mut Trial) {
    let seeds = 2_000;
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut simulation = Command::new(cargo);
    simulation
        .args(["test", "--quiet", "--release", "--package", "rocketmq-consumer"])
        .args(["--test", "simulation"])
        .env("RMQ_SIM_SEEDS", seeds.to_string());
    let Ok(Ok(output)) = spawn_blocking(move || simulation.output()).await else {
        return trial.require(false, "cargo did not start");
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let result = said.lines().find_map(|line| line.strip_prefix("test result: "));
    trial.note("seeds", seeds);
    trial.note("result", result);
    let failure = said.lines().find(|line| line.contains("seed"));
    trial.require(output.status.success(), failure.unwrap_or("the simulation did not run"));
}
