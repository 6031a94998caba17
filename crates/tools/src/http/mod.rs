//! The tool type that operators configure: one HTTP request per call.

mod arguments;
mod check;
mod config;
#[cfg(test)]
pub(crate) mod tests;
mod url;

use std::time::Duration;

use agent::ports::{Tool, ToolContext, ToolError, ToolPlan, ToolSpec};
use domain::{ToolClass, ToolPolicy};
use jsonschema::Validator;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, Request};
use serde_json::Value;

pub use config::{HttpMethod, HttpToolConfig, HttpToolError};
use url::UrlTemplate;

use crate::egress::{Egress, Fault, Reply};

const DESCRIPTION_CHARS: usize = 4_000;
/// Of a refusal's body in what the model is told.
const WORDS_BYTES: usize = 1_000;
/// Said by a gateway that had no answer of the service: whether the service acted, it can't know.
const GATEWAYS: [u16; 2] = [502, 504];

pub(crate) struct HttpTool {
    spec: ToolSpec,
    arguments: Validator,
    method: HttpMethod,
    url: UrlTemplate,
    headers: HeaderMap,
    class: ToolClass,
    policy: ToolPolicy,
    timeout: Duration,
    idempotency: Option<HeaderName>,
    egress: Egress,
}

impl HttpTool {
    pub(crate) fn new(config: &HttpToolConfig, egress: Egress) -> Result<Self, HttpToolError> {
        Self::checked(config, egress).map_err(|detail| HttpToolError {
            tool: config.name.clone(),
            detail,
        })
    }

    fn checked(config: &HttpToolConfig, egress: Egress) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !(1..=64).contains(&config.name.len()) || !config.name.chars().all(plain) {
            return Err("its name must have 1 to 64 of the characters a-z A-Z 0-9 _ -".to_owned());
        }
        if !(1..=DESCRIPTION_CHARS).contains(&config.description.trim().chars().count()) {
            return Err(format!(
                "its description must have 1 to {DESCRIPTION_CHARS} characters"
            ));
        }
        if config.class == ToolClass::Transactional {
            return Err("only tools inside the server are transactional".to_owned());
        }
        if config.timeout.is_zero() || config.timeout > HttpToolConfig::MAX_TIMEOUT {
            return Err(format!(
                "its timeout must be between 1 and {} seconds",
                HttpToolConfig::MAX_TIMEOUT.as_secs()
            ));
        }
        let arguments = arguments::compile(&config.schema)?;
        let url = UrlTemplate::parse(&config.url)
            .map_err(|why| format!("its url is `{}`: {why}", config.url))?;
        check::places(config, &url)?;
        let (headers, idempotency) = check::headers(config)?;
        Ok(Self {
            spec: ToolSpec {
                name: config.name.clone(),
                description: config.description.trim().to_owned(),
                schema: config.schema.clone(),
            },
            arguments,
            method: config.method,
            url,
            headers,
            class: config.class,
            policy: config.policy,
            timeout: config.timeout,
            idempotency,
            egress,
        })
    }

    fn request(&self, context: &ToolContext, arguments: &Value) -> Result<Request, String> {
        arguments::check(&self.arguments, arguments)?;
        let url = self.url.fill(arguments)?;
        let mut request = Request::new(self.method.into(), url);
        *request.timeout_mut() = Some(self.timeout);
        *request.headers_mut() = self.headers.clone();
        if let Some(name) = &self.idempotency {
            let key = HeaderValue::from_str(&context.key.to_string())
                .map_err(|_| "The call's id is no header.".to_owned())?;
            request.headers_mut().insert(name.clone(), key);
        }
        if self.method.has_body() {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().entry(CONTENT_TYPE).or_insert(json);
            *request.body_mut() = Some(Body::from(arguments.to_string()));
        }
        Ok(request)
    }
}

impl Tool for HttpTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn class(&self) -> ToolClass {
        self.class
    }

    fn policy(&self) -> ToolPolicy {
        self.policy
    }

    /// Without the query: what an operator writes there may be a secret, and arguments are shown
    /// beside it anyway.
    fn target(&self, arguments: &Value) -> Option<String> {
        let mut url = self.url.fill(arguments).ok()?;
        url.set_query(None);
        Some(format!("{} {url}", Method::from(self.method)))
    }

    fn plan(&self, context: &ToolContext, arguments: &Value) -> Result<ToolPlan, ToolError> {
        let request = self.request(context, arguments).map_err(ToolError::new)?;
        let (egress, class) = (self.egress.clone(), self.class);
        Ok(ToolPlan::Call(Box::pin(async move {
            outcome(class, egress.send(request).await)
        })))
    }
}

impl From<HttpMethod> for Method {
    fn from(method: HttpMethod) -> Self {
        match method {
            HttpMethod::Get => Self::GET,
            HttpMethod::Delete => Self::DELETE,
            HttpMethod::Post => Self::POST,
            HttpMethod::Put => Self::PUT,
            HttpMethod::Patch => Self::PATCH,
        }
    }
}

/// What is said of a call: done, refused, or in doubt.
fn outcome(class: ToolClass, came: Result<Reply, Fault>) -> Result<Value, ToolError> {
    match came {
        Ok(reply) if reply.status.is_success() => Ok(reply.into_value()),
        Ok(reply) => {
            let redirect = if reply.status.is_redirection() {
                " Redirects are not followed."
            } else {
                ""
            };
            let (status, words) = (reply.status.as_u16(), reply.words(WORDS_BYTES));
            if class != ToolClass::ReadOnly && GATEWAYS.contains(&status) {
                return Err(ToolError::unknown(format!(
                    "A gateway in front of the service answered with status {status}. It may or \
                     may not have happened. {words}"
                )));
            }
            Err(ToolError::new(format!(
                "The service answered with status {status}.{redirect} {words}"
            )))
        }
        Err(Fault::NotSent(why)) => Err(ToolError::new(format!(
            "The service could not be reached, nothing was sent: {why}."
        ))),
        Err(Fault::NoAnswer(why)) if class == ToolClass::ReadOnly => Err(ToolError::new(format!(
            "The service did not answer: {why}."
        ))),
        Err(Fault::NoAnswer(why)) => Err(ToolError::unknown(format!(
            "The service did not answer: {why}. It may or may not have happened."
        ))),
    }
}
