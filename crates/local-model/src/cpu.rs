//! What the engine was compiled for.

use agent::ports::{ModelError, ModelErrorKind};

/// llama.cpp is built for x86-64 with AVX2 and its companions (every server since 2015 or so); a
/// processor without them would end the process with an illegal instruction.
pub(crate) fn check() -> Result<(), ModelError> {
    let missing = missing();
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
fn missing() -> Vec<&'static str> {
    let features = [
        ("AVX2", std::is_x86_feature_detected!("avx2")),
        ("FMA", std::is_x86_feature_detected!("fma")),
        ("F16C", std::is_x86_feature_detected!("f16c")),
        ("BMI2", std::is_x86_feature_detected!("bmi2")),
    ];
    features
        .into_iter()
        .filter(|(_, there)| !there)
        .map(|(name, _)| name)
        .collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn missing() -> Vec<&'static str> {
    vec![]
}
