//! An answer that comes as a stream of events, whoever's events they are: bounded, and ended.

use std::collections::VecDeque;
use std::time::Duration;

use agent::ports::{ModelChunk, ModelError, ModelStream};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use reqwest::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::failure::{ERROR_BODY_BYTES, Subject, web_page};
use crate::listing::read_bounded;
use crate::sse::{Decoder, Event, SseError};

/// After a finish reason only usage and the end mark can follow; who never sends them is not waited
/// for.
const TAIL: Duration = Duration::from_secs(2);

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    More,
    /// The end mark was seen.
    Done,
}

/// Makes chunks of one vendor's events.
pub(crate) trait Events: Send + 'static {
    /// What was said before an error is in `out` all the same.
    fn event(
        &mut self,
        event: &Event,
        out: &mut VecDeque<ModelChunk>,
    ) -> Result<Progress, ModelError>;

    /// The answer is whole: a finish reason or the end mark was seen.
    fn finished(&self) -> bool;

    /// The last chunk, once it is finished.
    fn end(&mut self) -> ModelChunk;
}

/// What an event says. `None` is half a line: the connection was cut inside it.
pub(crate) fn json(event: &Event, subject: &Subject) -> Result<Option<Value>, ModelError> {
    match serde_json::from_str(&event.data) {
        Ok(value) => Ok(Some(value)),
        Err(_) if event.cut => Ok(None),
        Err(_) => Err(subject.protocol("a piece that is not JSON")),
    }
}

/// Sends, and answers with what was accepted.
pub(crate) async fn accepted(
    request: RequestBuilder,
    subject: &Subject,
) -> Result<Response, ModelError> {
    let response = request
        .send()
        .await
        .map_err(|error| subject.transport(&error))?;
    let status = response.status();
    if status.is_success() {
        if content_type(&response).starts_with("text/html") {
            return Err(web_page());
        }
        return Ok(response);
    }
    let headers = response.headers().clone();
    // What the body says only makes the message better.
    let body = read_bounded(response, ERROR_BODY_BYTES, subject)
        .await
        .unwrap_or_default();
    Err(subject.status(status.as_u16(), &headers, &String::from_utf8_lossy(&body)))
}

pub(crate) fn content_type(response: &Response) -> String {
    response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// An answer on its way. Dropping it drops the response, which closes the connection.
pub(crate) struct Answer<P> {
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    decoder: Decoder,
    parser: P,
    subject: Subject,
    ready: VecDeque<ModelChunk>,
    failed: Option<ModelError>,
    done: bool,
}

impl<P: Events> Answer<P> {
    pub(crate) fn new(response: Response, parser: P, subject: Subject) -> Self {
        Self {
            body: response.bytes_stream().boxed(),
            decoder: Decoder::default(),
            parser,
            subject,
            ready: VecDeque::new(),
            failed: None,
            done: false,
        }
    }

    pub(crate) fn into_stream(self) -> ModelStream {
        stream::unfold(self, |mut answer| async move {
            let item = answer.next().await?;
            Some((item, answer))
        })
        .boxed()
    }

    async fn next(&mut self) -> Option<Result<ModelChunk, ModelError>> {
        loop {
            // What came before an error is said first.
            if let Some(chunk) = self.ready.pop_front() {
                return Some(Ok(chunk));
            }
            if let Some(error) = self.failed.take() {
                return Some(Err(error));
            }
            if self.done {
                return None;
            }
            if let Err(error) = self.advance().await {
                self.done = true;
                self.failed = Some(error);
            }
        }
    }

    /// Takes one event, or reads more bytes.
    async fn advance(&mut self) -> Result<(), ModelError> {
        if let Some(event) = self
            .decoder
            .next()
            .map_err(|error| self.not_events(&error))?
        {
            if self.parser.event(&event, &mut self.ready)? == Progress::Done {
                self.end();
            }
            return Ok(());
        }
        let read = if self.parser.finished() {
            tokio::time::timeout(TAIL, self.body.next())
                .await
                .unwrap_or(None)
        } else {
            self.body.next().await
        };
        match read {
            Some(Ok(bytes)) => self.decoder.push(&bytes),
            Some(Err(_)) if self.parser.finished() => self.end(),
            Some(Err(_)) => return Err(self.subject.interrupted()),
            None => self.last_words()?,
        }
        Ok(())
    }

    /// The connection was closed in order; whether the answer is whole is another question.
    fn last_words(&mut self) -> Result<(), ModelError> {
        if let Some(event) = self
            .decoder
            .finish()
            .map_err(|error| self.not_events(&error))?
        {
            self.parser.event(&event, &mut self.ready)?;
        }
        if !self.parser.finished() {
            return Err(self.subject.interrupted());
        }
        self.end();
        Ok(())
    }

    fn end(&mut self) {
        self.done = true;
        self.ready.push_back(self.parser.end());
    }

    fn not_events(&self, error: &SseError) -> ModelError {
        match error {
            SseError::Html => web_page(),
            SseError::TooLong => self.subject.protocol("a line of more than 1 MiB"),
            SseError::Json => self
                .subject
                .protocol("something that is not an event stream"),
        }
    }
}
