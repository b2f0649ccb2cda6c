package shop

import (
	"embed"
	"io/fs"
)

//go:embed README.md all:shop all:api all:gateway all:worker
var embedded embed.FS

// FS is the example as it stands in this package.
func FS() fs.FS { return embedded }

// Repository is a part of the example that LayOut makes a git repository.
type Repository struct {
	Name string // also its folder
	Tag  string // the version that the definition names; "" for the definition itself
}

// Repositories lists the repositories, the definition first.
func Repositories() []Repository {
	return []Repository{
		{Name: "shop"},
		{Name: "api", Tag: "1.4.2"},
		{Name: "gateway", Tag: "2.0.0"},
		{Name: "worker", Tag: "1.1.0"},
	}
}

// Definition is the folder of the definition in a folder that was laid out.
const Definition = "shop"
