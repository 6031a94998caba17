//! Validation by hand: collects what is wrong, so that a form can show all of it at once.

use crate::error::Problem;
use crate::wire::problem::FieldError;

#[derive(Default)]
pub(crate) struct Check(Vec<FieldError>);

impl Check {
    pub(crate) fn fail(&mut self, pointer: &str, message: impl Into<String>) {
        self.0.push(FieldError {
            pointer: pointer.to_owned(),
            message: message.into(),
        });
    }

    pub(crate) fn ensure(&mut self, ok: bool, pointer: &str, message: &str) {
        if !ok {
            self.fail(pointer, message);
        }
    }

    /// Text of a length in code points, without NUL, not only white space.
    pub(crate) fn text(&mut self, pointer: &str, text: &str, max: usize) {
        if text.contains('\0') {
            self.fail(pointer, "The character NUL is not allowed.");
        } else if text.trim().is_empty() {
            self.fail(pointer, "This must not be empty.");
        } else if text.chars().count() > max {
            self.fail(pointer, format!("This must have at most {max} characters."));
        }
    }

    /// Text that names something: one line.
    pub(crate) fn line(&mut self, pointer: &str, text: &str, max: usize) {
        if text.chars().any(char::is_control) {
            self.fail(pointer, "Control characters are not allowed.");
        } else {
            self.text(pointer, text, max);
        }
    }

    pub(crate) fn done(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation(self.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> bool {
        let mut check = Check::default();
        check.text("/content", text, 3);
        check.done().is_err()
    }

    #[test]
    fn lengths_count_code_points() {
        assert!(!refused("語語語"));
        assert!(refused("語語語語"));
        assert!(refused(""));
        assert!(refused(" \n"));
        assert!(refused("a\0"));
    }
}
