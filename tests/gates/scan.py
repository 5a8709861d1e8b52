# SPDX-License-Identifier: BSD-2-Clause
"""Functions of C text, by a scanner that knows just enough: brackets, statements, labels."""
import re
from dataclasses import dataclass

from tree import line_of, plain

TOKEN = re.compile(r'[A-Za-z_]\w*|\d[\w.]*|""|->|##|[^\s\w]')
CLOSES = {"(": ")", "{": "}", "[": "]"}


@dataclass
class Token:
    text: str
    line: int


@dataclass
class Function:
    name: str
    line: int
    lines: int
    parameters: list
    nesting: int
    backward_gotos: list


def tokens_of(text):
    text = plain(text)
    return [Token(m.group(0), line_of(text, m.start())) for m in TOKEN.finditer(text)]


def after_group(tokens, i):
    """The index after the bracket that closes tokens[i]."""
    stack = [CLOSES[tokens[i].text]]
    while stack and i + 1 < len(tokens):
        i += 1
        if tokens[i].text == stack[-1]:
            stack.pop()
        elif tokens[i].text in CLOSES:
            stack.append(CLOSES[tokens[i].text])
    return i + 1


def after_simple(tokens, i):
    """The index after the semicolon that ends the simple statement at i."""
    while i < len(tokens) and tokens[i].text not in (";", "}"):
        i = after_group(tokens, i) if tokens[i].text in CLOSES else i + 1
    return i + 1 if i < len(tokens) and tokens[i].text == ";" else i


def after_label(tokens, i):
    while i < len(tokens) and tokens[i].text != ":":
        i += 1
    return i + 1


def statement(tokens, i, depth):
    """One statement at `depth`: the index after it, and the deepest control statement in it."""
    if i >= len(tokens):
        return i, depth
    word = tokens[i].text
    if word == "{":
        return block(tokens, i + 1, depth)
    if word in ("case", "default") or (i + 1 < len(tokens) and tokens[i + 1].text == ":"):
        return statement(tokens, after_label(tokens, i), depth)
    if word == "do":
        i, deepest = statement(tokens, i + 1, depth + 1)
        return after_simple(tokens, i), deepest
    if word in ("if", "for", "while", "switch"):
        return controlled(tokens, i, depth)
    return after_simple(tokens, i), depth


def block(tokens, i, depth):
    deepest = depth
    while i < len(tokens) and tokens[i].text != "}":
        i, below = statement(tokens, i, depth)
        deepest = max(deepest, below)
    return i + 1, deepest


def controlled(tokens, i, depth):
    """if, for, while, switch. An `else if` is no deeper than its `if`."""
    i, deepest = statement(tokens, after_group(tokens, i + 1), depth + 1)
    if i < len(tokens) and tokens[i].text == "else":
        chained = tokens[i + 1].text == "if"
        i, below = statement(tokens, i + 1, depth if chained else depth + 1)
        deepest = max(deepest, below)
    return i, deepest


def backward_gotos(body):
    labels = {t.text: i for i, t in enumerate(body[:-1])
              if body[i + 1].text == ":" and i > 0 and body[i - 1].text in (";", "{", "}", ":")}
    return [body[i + 1].text for i, t in enumerate(body) if t.text == "goto" and labels.get(body[i + 1].text, i) <= i]


def split_parameters(tokens):
    parameters, depth = [[]], 0
    for token in tokens:
        depth += (token.text in CLOSES) - (token.text in CLOSES.values())
        if token.text == "," and depth == 0:
            parameters.append([])
        else:
            parameters[-1].append(token.text)
    return [] if parameters in ([[]], [["void"]]) else parameters


def opener(head):
    """The index in head of the parenthesis that its last token closes."""
    depth = 0
    for i in range(len(head) - 1, -1, -1):
        depth += (head[i].text == ")") - (head[i].text == "(")
        if depth == 0:
            return i
    return 0


def function_from(head, body):
    start = opener(head)
    name = head[start - 1].text
    if name == ")":
        name = "".join(t.text for t in head[opener(head[:start]) - 1:start])
    return Function(name, head[0].line, body[-1].line - body[0].line - 1, split_parameters(head[start + 1:-1]),
                    block(body, 1, 0)[1], backward_gotos(body))


def functions(text):
    """Every function that is defined in the text."""
    tokens, head, i, found = tokens_of(text), [], 0, []
    while i < len(tokens):
        word = tokens[i].text
        if word == "{" and [t.text for t in head[-2:]] == ["extern", '""']:
            head, i = [], i + 1
        elif word == "{":
            end = after_group(tokens, i)
            if head and head[-1].text == ")":
                found.append(function_from(head, tokens[i:end]))
                head = []
            i = end
        else:
            head = [] if word in (";", "}") else head + [tokens[i]]
            i += 1
    return found
