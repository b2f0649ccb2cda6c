package render

import (
	"bytes"
	"encoding/json"

	"go.yaml.in/yaml/v4"

	facsimile "facsimile.dev/facsimile"
	"facsimile.dev/facsimile/release"
	"facsimile.dev/facsimile/view"
)

// genconfig writes the merged config of each module that asks for it and runs here to
// etc/CONFIG_NAME.CODEC; CODEC is yaml unless config_codec says json.
func (r *part) genconfig() error {
	if r.project.Name != "" {
		return nil // the modules are the instance's, so its own part has them
	}
	var errs []error
	for _, m := range r.c.Root().Get("modules").Entries() {
		if m.Value.Get("genconfig").Bool() && r.runs(m.Key) {
			errs = append(errs, r.moduleConfig(m.Key, m.Value))
		}
	}
	return joined(errs)
}

func (r *part) moduleConfig(name string, m facsimile.Value) error {
	fileName := name
	if s := m.Get("config_name").Str(); s != "" {
		fileName = s
	}
	codec := m.Get("config_codec").Str()
	if codec == "" {
		codec = "yaml"
	}
	value, secret, err := r.c.Plain(facsimile.Path{"modules", name, "config"})
	if err != nil {
		return view.TemplateError(err, r.in.Sources.Position(m.Get("config").Origin()))
	}
	var content []byte
	switch codec {
	case "yaml":
		content, err = yamlOf(value)
	case "json":
		content, err = jsonOf(value)
	default:
		return r.fault(m.Get("config_codec").Origin(), "module %s wants its config as %q, want yaml or json", name, codec)
	}
	if err != nil {
		return r.fault(m.Get("config").Origin(), "cannot write the config of module %s: %v", name, err)
	}
	return r.put("genconfig of module "+name, group{at: m.Get("genconfig").Origin(), modules: []string{name}}, &release.Item{
		File: facsimile.File{Path: "etc/" + fileName + "." + codec, Type: facsimile.RegularFile, Mode: 0o644, Secret: secret},
		Open: release.Bytes(content),
	})
}

func jsonOf(v facsimile.Value) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func yamlOf(v facsimile.Value) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(yamlNode(v)); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

// yamlNode keeps the order of keys, which marshalling a Go map would lose.
func yamlNode(v facsimile.Value) *yaml.Node {
	switch v.Kind() {
	case facsimile.Map:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, e := range v.Entries() {
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: e.Key}, yamlNode(e.Value))
		}
		return n
	case facsimile.List:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range v.Items() {
			n.Content = append(n.Content, yamlNode(item))
		}
		return n
	case facsimile.String:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v.Str()}
	case facsimile.Int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: v.Big().String()}
	}
	raw, err := v.MarshalJSON()
	if err != nil {
		raw = []byte("null")
	}
	tag := map[facsimile.Kind]string{facsimile.Bool: "!!bool", facsimile.Float: "!!float"}[v.Kind()]
	if tag == "" {
		tag = "!!null"
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: string(raw)}
}
