package figures

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// This file puts the tables into the documents. The figures are kept beside them, so that the tables can be checked, and
// be made of several runs.

// Kept is the file of figures of which the documents are made.
const Kept = "docs/performance.tsv"

// documents are the documents that have tables.
var documents = []string{"docs/performance.md", "README.md"}

// place is where a document has a table.
var place = regexp.MustCompile(`(?s)(<!-- figures: ([a-z0-9 ]+) -->\n).*?(<!-- end of figures -->\n)`)

// Fill returns text with the tables of s in place of those that it has, and their names.
func (s *Set) Fill(text string) (filled string, names []string, err error) {
	filled = place.ReplaceAllStringFunc(text, func(old string) string {
		parts := place.FindStringSubmatch(old)
		made, ok := s.table(parts[2])
		if !ok {
			err = fmt.Errorf("there is no table %q", parts[2])
			return old
		}
		names = append(names, parts[2])
		return parts[1] + made + parts[3]
	})
	return filled, names, err
}

// Document fills the documents of the repository in root.
func (s *Set) Document(root string) error {
	for _, name := range documents {
		path := filepath.Join(root, name)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		filled, _, err := s.Fill(string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(path, []byte(filled), 0o644); err != nil {
			return err
		}
	}
	return nil
}
