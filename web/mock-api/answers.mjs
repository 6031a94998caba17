// What the scripted model says. Ask for "tools", "mail" (asks for approval), "code", "long", "fail" or anything else.

const CODE = `Here is a small one in Rust:

\`\`\`rust
use std::collections::HashMap;

/// Counts how often each word occurs.
fn count<'a>(text: &'a str) -> HashMap<&'a str, usize> {
    let mut words = HashMap::new();
    for word in text.split_whitespace() {
        *words.entry(word).or_insert(0) += 1; // one more
    }
    words
}
\`\`\`

It takes a **borrowed** text, so nothing is copied. Compare:

| Approach | Time | Memory | Notes |
|---|---:|---:|---|
| borrowed keys | 12 ms | 1.2 MB | what is shown above |
| owned keys | 31 ms | 9.8 MB | needed when the text goes away |
| sorted vector | 44 ms | 2.0 MB | good for small inputs |

1. Split the text.
2. Count each word:
   - \`entry\` finds or makes the slot
   - the rest adds one
3. Give the map back.

> Premature optimisation is the root of all evil.

See [the documentation](https://doc.rust-lang.org/std/collections/) for more, and ![a chart](https://images.example.org/charts/2026/words.png?width=1200&track=1).
`;

const PLAIN = `A reply here is stored before it is shown, so closing the tab loses nothing. Try it: reload while this text is being written, and it goes on where it was.

The words arrive one at a time, and the page draws them once per frame. Grüße, 你好, مرحبا and 🎉 are all counted in bytes on the wire and shown whole.`;

export function answerFor(prompt) {
  const text = prompt.toLowerCase();
  if (text.includes("fail")) {
    return [{ text: "This is as far as I", fail: "The model's server closed the connection (HTTP 502)." }];
  }
  if (text.includes("mail")) {
    return [
      {
        text: "I shall write to Bob.",
        tool: {
          name: "send_mail",
          asks: true,
          args: {
            to: "bob@example.org",
            subject: "Lunch",
            text: "Dear Bob,\n\nshall we meet at noon?\n\nAda",
          },
          result: { sent: true },
        },
      },
      { text: "That is settled." },
    ];
  }
  if (text.includes("todo") || text.includes("tool")) {
    return [
      {
        tool: {
          name: "todo_add",
          args: { title: "water the plants" },
          result: { id: 7, title: "water the plants", done: false },
        },
      },
      { text: "Done: **water the plants** is on your list." },
    ];
  }
  if (text.includes("2,340") || text.includes("calculate")) {
    return [
      {
        text: "Let me work that out.",
        tool: { name: "calculator", args: { expression: "2340 * 17.5 / 100" }, result: { value: 409.5 } },
      },
      { text: "17.5 % of 2,340 is **409.5**." },
    ];
  }
  if (text.includes("code")) return [{ text: CODE }];
  if (text.includes("long")) return [{ text: `${PLAIN}\n\n${CODE}\n\n`.repeat(60) }];
  if (text.includes("slow")) return [{ think: 6000, text: PLAIN }];
  return [{ text: PLAIN }];
}

export { CODE, PLAIN };
