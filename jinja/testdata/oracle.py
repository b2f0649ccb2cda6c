"""Renders templates with Python's Jinja2: one JSON request per line in, one
JSON answer per line out."""
import json
import signal
import sys

import jinja2

UNDEFINED = {
    "lenient": jinja2.Undefined,
    "strict": jinja2.StrictUndefined,
    "chainable": jinja2.ChainableUndefined,
    "debug": jinja2.DebugUndefined,
}


class Timeout(Exception):
    pass


def on_alarm(signum, frame):
    raise Timeout()


def render(request):
    options = request["options"]
    options["undefined"] = UNDEFINED[options.pop("undefined", "lenient")]
    env = jinja2.Environment(
        loader=jinja2.DictLoader(request["templates"]),
        extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
        **options,
    )
    template = env.get_template("main")
    return template.render(request["context"])


def main():
    signal.signal(signal.SIGALRM, on_alarm)
    for line in sys.stdin:
        request = json.loads(line)
        signal.alarm(5)
        try:
            answer = {"output": render(request)}
            json.dumps(answer).encode()
            answer["output"].encode()
        except BaseException as e:
            answer = {"error": type(e).__name__, "message": str(e)[:300]}
            if isinstance(e, jinja2.TemplateSyntaxError):
                answer["line"] = e.lineno
        signal.alarm(0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


main()
