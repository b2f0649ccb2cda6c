// Package jinja renders Jinja2 templates and prints, byte for byte, what
// Python's Jinja2 3.1 prints. The few accepted differences are listed, with
// reasons, in differences.md next to the source.
//
// An [Environment] holds the options: delimiters, whitespace control, how
// missing names behave, the loader and the limits. It parses sources into a
// [Template], which renders with variables, or into an [Expression], which
// yields a typed [Value]. All three may be used by many goroutines at once.
//
//	env, err := jinja.New(jinja.Options{TrimBlocks: true})
//	tmpl, err := env.Parse("greeting", "Hello {{ name }}!\n")
//	out, err := tmpl.Render(ctx, jinja.Vars(jinja.Pair{
//		Key: jinja.String("name"), Value: jinja.String("World"),
//	}), nil)
//
// # Values
//
// Templates see [Value]s and nothing else. No Go method or field can be
// reached unless the caller offers it with [FromFunc] or through a [Mapping]
// or [Sequence] of its own. Values print as Python's str and repr print them.
//
// # Origins
//
// A caller may mark values with a [Tag]. A [Tracker] given to
// [Template.Render] then receives one [Span] for every piece of output: the
// template line that made it, the tags of what was printed, and the tags of
// every condition and loop that led there. Without a Tracker nothing of this
// costs more than a nil check.
//
// # Limits and determinism
//
// A rendering is bounded by [Limits] and by its context, and the same input
// gives the same bytes every time: lipsum and the random filter draw from a
// generator with a fixed seed.
//
// # Errors
//
// Every failure is an [*Error], or an [ErrorList] of them. Its text names types,
// expressions, names and keys, but never the contents of a value, which may
// be a secret.
package jinja
