package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// The big tree.
const (
	treeFiles = 5_000
	treeBytes = 200_000_000
)

// source gives the same numbers for the same words, everywhere.
func source(words ...uint64) *rand.ChaCha8 {
	var seed [32]byte
	for i, w := range words {
		binary.LittleEndian.PutUint64(seed[8*i:], w)
	}
	return rand.NewChaCha8(seed)
}

// sizes are those of the files: log-normal as in real trees, many small and few large ones.
func sizes() []int {
	random := rand.New(source(1))
	weights := make([]float64, treeFiles)
	sum := 0.0
	for i := range weights {
		weights[i] = math.Exp(1.5 * random.NormFloat64())
		sum += weights[i]
	}
	out := make([]int, treeFiles)
	for i, w := range weights {
		out[i] = int(w / sum * treeBytes)
	}
	return out
}

// content is that of the i-th file in an edition: noise, which cannot be compressed, in every
// second one, and lines of words in the others.
func content(i, edition, size int) []byte {
	random := source(2, uint64(i), uint64(edition))
	if i%2 == 0 {
		noise := make([]byte, size)
		_, _ = random.Read(noise) // it never fails
		return noise
	}
	var text bytes.Buffer
	for text.Len() < size {
		fmt.Fprintf(&text, "%s.%s = %d\n", word(random), word(random), random.Uint64()%100_000)
	}
	return text.Bytes()[:size]
}

func word(random *rand.ChaCha8) string {
	words := []string{"listen", "database", "timeout", "replica", "region", "queue", "worker", "cache", "limit", "address", "volume", "trace"}
	return words[random.Uint64()%uint64(len(words))]
}

// name is the path of the i-th file.
func name(i int) string { return fmt.Sprintf("data/d%02d/s%d/f%04d", i%50, i%7, i) }

// writeTree writes edition 0 of every file below dir.
func writeTree(dir string) error {
	for i, size := range sizes() {
		if err := writeFile(dir, i, 0, size); err != nil {
			return err
		}
	}
	return nil
}

// changeTree puts a new edition in place of one file in a hundred.
func changeTree(dir string, edition int) error {
	all := sizes()
	for i := edition % 100; i < treeFiles; i += 100 {
		if err := writeFile(dir, i, edition, all[i]); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(dir string, i, edition, size int) error {
	path := filepath.Join(dir, name(i))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content(i, edition, size), 0o644)
}
