//! How the baselines put an answer.

/// The answer between the tags that the prompt asks for, else alone.
pub(crate) fn worded(prompt: &str, answer: &str) -> String {
    if prompt.contains("<answer>") { format!("<answer>{answer}</answer>") } else { answer.to_owned() }
}

/// One of the allowed answers, uniform over the request's random bits; `None` for free text.
pub(crate) fn guess(request: &situs_core::prelude::Request) -> Option<&str> {
    let count = request.options.len();
    let index = (u128::from(request.draw) * count as u128) >> 64;
    request.options.get(index as usize).map(String::as_str)
}
