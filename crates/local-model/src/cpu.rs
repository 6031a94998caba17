//! What the engine was compiled for. Knows nothing of the engine itself: `rejoinder`'s tests build
//! this file too, where no C++ is.

use agent::ports::{ModelError, ModelErrorKind};

/// What a processor must have, and whether it does.
type Feature = (&'static str, bool);

/// llama.cpp is built for x86-64 with AVX2 and its companions (every server since 2015 or so); a
/// processor without them would end the process with an illegal instruction.
///
/// # Errors
/// Names what this processor lacks.
pub fn check() -> Result<(), ModelError> {
    all_there(&wanted())
}

fn all_there(features: &[Feature]) -> Result<(), ModelError> {
    let missing: Vec<&str> = features
        .iter()
        .filter(|(_, there)| !there)
        .map(|(name, _)| *name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ModelError::new(
        ModelErrorKind::NotConfigured,
        format!(
            "The built-in model can't run on this processor, which lacks {}. Connect another model, for example with OLLAMA_HOST or OPENAI_API_KEY.",
            missing.join(", ")
        ),
    ))
}

#[cfg(target_arch = "x86_64")]
fn wanted() -> Vec<Feature> {
    vec![
        ("AVX2", std::is_x86_feature_detected!("avx2")),
        ("FMA", std::is_x86_feature_detected!("fma")),
        ("F16C", std::is_x86_feature_detected!("f16c")),
        ("BMI2", std::is_x86_feature_detected!("bmi2")),
    ]
}

#[cfg(not(target_arch = "x86_64"))]
fn wanted() -> Vec<Feature> {
    vec![]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_processor_lacks_is_named_with_what_to_do() {
        let old = [
            ("AVX2", false),
            ("FMA", true),
            ("F16C", true),
            ("BMI2", false),
        ];
        let refused = all_there(&old).unwrap_err();
        assert_eq!(refused.kind, ModelErrorKind::NotConfigured);
        assert_eq!(
            refused.detail,
            "The built-in model can't run on this processor, which lacks AVX2, BMI2. Connect \
             another model, for example with OLLAMA_HOST or OPENAI_API_KEY."
        );
        // Trying again would not make it another processor.
        assert!(!refused.kind.transient());
        assert_eq!(all_there(&old.map(|(name, _)| (name, true))), Ok(()));
    }

    /// The system's own list, where it has one.
    #[test]
    fn this_processor_is_looked_at() {
        let Ok(text) = std::fs::read_to_string("/proc/cpuinfo") else {
            return;
        };
        let Some(flags) = text.lines().find_map(|line| line.strip_prefix("flags")) else {
            return;
        };
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let features = wanted();
        assert!(features.iter().any(|(name, _)| *name == "AVX2"));
        for (name, there) in features {
            let name = name.to_lowercase();
            assert_eq!(there, flags.contains(&name.as_str()), "{name}");
        }
        assert_eq!(check().is_ok(), wanted().iter().all(|(_, there)| *there));
    }
}
