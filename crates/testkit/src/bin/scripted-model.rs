//! `scripted-model [--port N]`: the scripted model as a process of its own, for the browser's
//! journeys and for load. Its first line on standard output is `listening on http://…`.

use std::process::ExitCode;

use testkit::ScriptedModel;

#[tokio::main]
async fn main() -> ExitCode {
    let port = match port(std::env::args().skip(1)) {
        Ok(port) => port,
        Err(problem) => {
            eprintln!("scripted-model: {problem}\nusage: scripted-model [--port N]");
            return ExitCode::from(2);
        }
    };
    let model = match ScriptedModel::bind(port).await {
        Ok(model) => model,
        Err(error) => {
            eprintln!("scripted-model: port {port}: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("listening on http://{}", model.address());
    let _ = tokio::signal::ctrl_c().await;
    ExitCode::SUCCESS
}

fn port(mut arguments: impl Iterator<Item = String>) -> Result<u16, String> {
    match (
        arguments.next().as_deref(),
        arguments.next(),
        arguments.next(),
    ) {
        (None, None, None) => Ok(0),
        (Some("--port"), Some(port), None) => {
            port.parse().map_err(|_| format!("not a port: {port}"))
        }
        _ => Err("unknown arguments".to_owned()),
    }
}
