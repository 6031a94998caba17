//! What is said of a processor that can't run the built-in model. The file is `local-model`'s, whose
//! own tests are only built together with the C++ engine; here they run everywhere.

#[path = "../../../local-model/src/cpu.rs"]
mod cpu;
