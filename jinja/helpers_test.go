package jinja

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
)

// jsonValue turns JSON into a Value, keeping the order of keys.
func jsonValue(raw []byte) (Value, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return decodeValue(dec)
}

func decodeValue(dec *json.Decoder) (Value, error) {
	tok, err := dec.Token()
	if err != nil {
		return Value{}, err
	}
	switch t := tok.(type) {
	case nil:
		return None(), nil
	case bool:
		return Bool(t), nil
	case string:
		return String(t), nil
	case json.Number:
		if strings.ContainsAny(t.String(), ".eE") {
			f, err := t.Float64()
			return Float(f), err
		}
		n, _ := new(big.Int).SetString(t.String(), 10)
		return BigInt(n), nil
	case json.Delim:
		if t == '[' {
			var items []Value
			for dec.More() {
				item, err := decodeValue(dec)
				if err != nil {
					return Value{}, err
				}
				items = append(items, item)
			}
			_, err := dec.Token()
			return List(items...), err
		}
		var pairs []Pair
		for dec.More() {
			key, err := decodeValue(dec)
			if err != nil {
				return Value{}, err
			}
			item, err := decodeValue(dec)
			if err != nil {
				return Value{}, err
			}
			pairs = append(pairs, Pair{key, item})
		}
		_, err := dec.Token()
		return Dict(pairs...), err
	}
	return Value{}, fmt.Errorf("unexpected token %v", tok)
}

// varsOf turns a JSON object into variables.
func varsOf(t testing.TB, raw []byte) Mapping {
	t.Helper()
	if len(raw) == 0 {
		return nil
	}
	v, err := jsonValue(raw)
	if err != nil {
		t.Fatal(err)
	}
	var pairs []Pair
	for k, item := range v.Pairs() {
		pairs = append(pairs, Pair{k, item})
	}
	return Vars(pairs...)
}

func readJSON(t testing.TB, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func mustNew(t testing.TB, o Options) *Environment {
	t.Helper()
	env, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// render renders a source with variables and returns its text.
func render(t testing.TB, o Options, source string, vars Mapping) (string, error) {
	t.Helper()
	tmpl, err := mustNew(t, o).Parse("main", source)
	if err != nil {
		return "", err
	}
	out, err := tmpl.Render(t.Context(), vars, nil)
	return string(out), err
}
