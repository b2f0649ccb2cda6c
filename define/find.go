package define

// Location is where a definition lives.
type Location struct {
	Dir string // the folder of the definition, absolute
	Top string // the folder that holds .facsimile, absolute
}

// Find walks up from a folder to the nearest definition.
func Find(dir string) (Location, error) { return Location{}, nil }

// At is the location of the definition in a given folder.
func At(dir string) (Location, error) { return Location{}, nil }
