//! How the next token is chosen.

use domain::RunId;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;

/// Low, because a small model wanders.
const TEMPERATURE: f32 = 0.2;
const TOP_K: i32 = 40;
const TOP_P: f32 = 0.9;
/// Small models repeat themselves without it.
const REPEAT: f32 = 1.1;
const REPEAT_LAST: i32 = 64;

/// The same run gives the same choices. `begun` is the text that the answer already has.
pub(crate) fn sampler(vocabulary: i32, run_id: RunId, begun: &[LlamaToken]) -> LlamaSampler {
    let chain = [
        LlamaSampler::penalties(vocabulary, REPEAT_LAST, REPEAT, 0.0, 0.0),
        LlamaSampler::top_k(TOP_K),
        LlamaSampler::top_p(TOP_P, 1),
        LlamaSampler::temp(TEMPERATURE),
        LlamaSampler::dist(seed(run_id)),
    ];
    LlamaSampler::chain_simple(chain).with_tokens(begun.iter().copied())
}

fn seed(run_id: RunId) -> u32 {
    let bytes = run_id.0.as_bytes();
    bytes.chunks_exact(4).fold(0, |seed, word| {
        seed ^ u32::from_le_bytes([word[0], word[1], word[2], word[3]])
    })
}
