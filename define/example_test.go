package define_test

import (
	"context"
	"fmt"
	"testing/fstest"

	"facsimile.dev/facsimile"
	"facsimile.dev/facsimile/define"
)

// A value, where it was written, and what it overrode.
func Example() {
	files := fstest.MapFS{
		"facsimile.yaml":   {Data: []byte("name: shop\ndb: {host: localhost, port: 5432}\n")},
		"define/base.yaml": {Data: []byte("abstract: true\ndb:\n  host: db.example.net\n")},
		"define/prod.yaml": {Data: []byte("inherit: [base]\nregions: {eu: {db: {host: db.eu.example.net}}}\n" +
			"deploy: {nodes: {app: [\"app[1:2]\"]}}\nnodes: {app1: {region: eu}}\n")},
	}
	sources := new(facsimile.Sources)
	d, err := define.Load(files, sources, define.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := d.Resolve(context.Background(), "prod", "", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for c := range r.For("app1").Fold(facsimile.Path{"db", "host"}) {
		fmt.Println(c.Value.Str(), sources.Position(c.At))
	}
	fmt.Println(r.For("app2").Root().Get("db").Get("host").Str())
	// Output:
	// db.eu.example.net define/prod.yaml:2:21
	// db.example.net define/base.yaml:3:3
	// localhost facsimile.yaml:2:6
	// db.example.net
}
