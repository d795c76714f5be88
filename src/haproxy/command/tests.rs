use super::*;

fn line(command: Result<Command, CommandError>) -> String {
    command.unwrap().to_string()
}
