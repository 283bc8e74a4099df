//! One call as the document tells it: what it takes, what it answers, and why it is refused.

use serde_json::{Map, Value, json};

use super::refusal;
use super::schema::{reference, text};
use crate::admin::body::BODY_BYTES_MAX;
use crate::admin::router::{JSON, Need, REQUEST_ID};
use crate::admin::words::Words;

/// Tells of a call; each route of the table names its own.
pub(in crate::admin) type Describe = fn() -> Operation;

/// What is told of a call.
pub(in crate::admin) struct Operation {
    tag: &'static str,
    path: Option<&'static str>,
    name: &'static str,
    summary: &'static str,
    notes: Vec<String>,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<Answer>,
    refusals: Vec<(u16, Option<&'static str>)>,
}

/// An answer that is no refusal, or none in the words of its dialect.
struct Answer {
    status: u16,
    what: &'static str,
    content: Option<Value>,
    headers: Vec<(&'static str, &'static str)>,
    links: Map<String, Value>,
}

impl Operation {
    /// A call of a group of them, by the name that programs give it.
    pub(super) fn new(tag: &'static str, name: &'static str, summary: &'static str) -> Self {
        Operation {
            tag,
            path: None,
            name,
            summary,
            notes: Vec::new(),
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// The path that it has, where its route's is wider.
    pub(super) fn at(mut self, path: &'static str) -> Self {
        self.path = Some(path);
        self
    }

    /// What else is to be known.
    pub(super) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// A parameter, as `OpenAPI` has it.
    pub(super) fn with(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// A body of that schema. What any body may be refused for comes with it.
    pub(super) fn takes(self, schema: &str, example: &Value) -> Self {
        self.may_take(schema, example, true)
    }

    /// A body of that schema that may be absent.
    pub(super) fn takes_optional(self, schema: &str, example: &Value) -> Self {
        self.may_take(schema, example, false)
    }

    fn may_take(mut self, schema: &str, example: &Value, is_required: bool) -> Self {
        let content = json!({ JSON: { "schema": reference(schema), "example": example } });
        let description =
            format!("At most {BODY_BYTES_MAX} bytes. Its Content-Type is not looked at.");
        self.body = Some(
            json!({ "description": description, "required": is_required, "content": content }),
        );
        self
    }

    /// An answer with a body of that schema.
    pub(super) fn answers(
        self,
        status: u16,
        what: &'static str,
        schema: &str,
        example: &Value,
    ) -> Self {
        let content = json!({ JSON: { "schema": reference(schema), "example": example } });
        self.answers_with(status, what, Some(content))
    }

    /// An answer with that content, or without any.
    pub(super) fn answers_with(
        mut self,
        status: u16,
        what: &'static str,
        content: Option<Value>,
    ) -> Self {
        let (headers, links) = (Vec::new(), Map::new());
        self.answers.push(Answer { status, what, content, headers, links });
        self
    }

    /// A header that the answer told last may have.
    pub(super) fn header(mut self, name: &'static str, what: &'static str) -> Self {
        self.last().headers.push((name, what));
        self
    }

    /// That a value of the answer told last is a parameter of another call.
    pub(super) fn leads_to(mut self, operation: &str, parameters: &[(&str, &str)]) -> Self {
        let parameters: Map<String, Value> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let link = json!({ "operationId": operation, "parameters": parameters });
        self.last().links.insert(operation.to_owned(), link);
        self
    }

    fn last(&mut self) -> &mut Answer {
        self.answers.last_mut().expect("an answer was told before")
    }

    /// Statuses by which it may be refused for what is asked.
    pub(super) fn refuses(mut self, statuses: &[u16]) -> Self {
        self.refusals.extend(statuses.iter().map(|status| (*status, None)));
        self
    }

    /// A status by which it may be refused for a reason of its own.
    pub(super) fn refuses_for(mut self, status: u16, why: &'static str) -> Self {
        self.refusals.push((status, Some(why)));
        self
    }

    /// Its path in the document, where its route has the other one.
    pub(super) fn path(&self, route: &'static str) -> &'static str {
        self.path.unwrap_or(route)
    }

    /// As the document has it.
    pub(super) fn told(self, words: Words, need: Need) -> Value {
        let mut notes = self.notes;
        let mut security = Vec::new();
        let mut refusals = self.refusals;
        // Whatever takes longer than it may is told so, in the words of its path.
        refusals.push((504, None));
        if self.body.is_some() {
            refusals.extend([(413, None), (422, None)]);
            // Zenskar's has 422 for what is no JSON too.
            let is_told_apart = words != Words::Zenskar;
            refusals.extend(is_told_apart.then_some((400, None)));
        }
        if let Need::Key(role) = need {
            let role = role.name();
            notes.push(format!("Needs a key of the role `{role}`, or of one that may do more."));
            security.extend([json!({ "bearer": [role] }), json!({ "header": [role] })]);
            refusals.extend([401, 403, 429, 500, 503].map(|status| (status, None)));
        }
        let mut answers: Map<String, Value> = Map::new();
        for answer in self.answers {
            answers.insert(answer.status.to_string(), answer.told());
        }
        refusals.sort_by_key(|(status, why)| (*status, why.is_none()));
        for (status, why) in refusals {
            let told = answers.entry(status.to_string());
            told.or_insert_with(|| refusal::response(words, status, why));
        }
        answers.sort_keys();
        let mut parameters = self.parameters;
        parameters.push(json!({ "$ref": "#/components/parameters/RequestId" }));
        let mut operation = json!({
            "operationId": self.name,
            "summary": self.summary,
            "description": notes.join("\n\n"),
            "tags": [self.tag],
            "security": security,
            "parameters": parameters,
        });
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        operation["responses"] = Value::Object(answers);
        operation
    }
}

impl Answer {
    fn told(self) -> Value {
        let mut headers = request_id();
        for (name, what) in self.headers {
            let header = json!({ "description": what, "schema": { "type": "string" } });
            headers.insert(name.to_owned(), header);
        }
        let mut told = json!({ "description": self.what, "headers": headers });
        if let Some(content) = self.content {
            told["content"] = content;
        }
        if !self.links.is_empty() {
            told["links"] = Value::Object(self.links);
        }
        told
    }
}

/// The header that every answer has.
pub(super) fn request_id() -> Map<String, Value> {
    let header = json!({ "$ref": "#/components/headers/RequestId" });
    [(REQUEST_ID.to_owned(), header)].into_iter().collect()
}

/// A part of the path.
pub(super) fn in_path(name: &str, schema: Value, example: &str) -> Value {
    let parameter = json!({ "name": name, "in": "path", "required": true, "example": example });
    with_schema(parameter, schema)
}

/// What may stand behind the question mark.
pub(super) fn in_query(name: &str, schema: Value) -> Value {
    with_schema(json!({ "name": name, "in": "query" }), schema)
}

/// What must stand behind the question mark.
pub(super) fn required_in_query(name: &str, schema: Value, example: &str) -> Value {
    let parameter = json!({ "name": name, "in": "query", "required": true, "example": example });
    with_schema(parameter, schema)
}

/// Parameters of the query whose names are not fixed: each member of an object is one.
pub(super) fn family_in_query(name: &str, pattern: &str, what: &str, example: &Value) -> Value {
    json!({
        "name": name, "in": "query", "style": "form", "explode": true, "description": what,
        "schema": {
            "type": "object",
            "propertyNames": { "pattern": pattern },
            "additionalProperties": { "type": "string" },
        },
        "example": example,
    })
}

/// A header of the request.
pub(super) fn in_header(name: &str, is_required: bool, schema: Value) -> Value {
    with_schema(json!({ "name": name, "in": "header", "required": is_required }), schema)
}

fn with_schema(mut parameter: Value, schema: Value) -> Value {
    parameter["schema"] = schema;
    parameter
}

/// The code of a metric in a path.
pub(super) fn code_in_path(example: &str) -> Value {
    in_path("code", text("The metric's code, percent-encoded."), example)
}
