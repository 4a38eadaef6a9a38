package document_test

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"

	"crm-connector/pkg/core/document"
)

// read reads a document with a name, a size from 1 to 9 and tags.
func read(text string) (name string, size int, tags []string, err error) {
	r := &document.Reader{Name: "list"}
	root, err := r.Root([]byte(text), 1)
	if err != nil {
		return "", 0, nil, err
	}
	r.Keys(root, "the list", map[string]func(ast.Node){
		"name": func(n ast.Node) { name, _ = r.Text(n, "name") },
		"size": func(n ast.Node) { size = r.Number(n, "size", 1, 9) },
		"tags": func(n ast.Node) {
			for _, e := range r.Texts(n, "tags") {
				tags = append(tags, e.Text)
			}
		},
	})
	return name, size, tags, r.Err()
}

func TestADocumentIsReadAsItIsWritten(t *testing.T) {
	name, size, tags, err := read("name: 007\nsize: 3\ntags: [a, true, 1.50]\n")
	if err != nil || name != "007" || size != 3 || strings.Join(tags, " ") != "a true 1.50" {
		t.Errorf("%q, %d, %q, %v", name, size, tags, err)
	}
	if name, _, _, err := read("\ufeffname: a\n"); err != nil || name != "a" {
		t.Errorf("behind a byte order mark: %q, %v", name, err)
	}
	if _, _, tags, err := read("tags: one"); err != nil || len(tags) != 1 || tags[0] != "one" {
		t.Errorf("a list of one: %q, %v", tags, err)
	}
}

func TestEveryMistakeIsToldAtOnceWithItsPlace(t *testing.T) {
	_, _, _, err := read("size: 10\ncolour: red\nname:\ntags: [a, [b]]\n")
	want := []string{
		"list: line 1, column 7: size must be a whole number from 1 to 9",
		"list: line 2, column 1: the list has no colour: use one of name, size, tags",
		"list: line 3, column 6: name is missing: write it, or remove the key",
		"list: line 4, column 11: tags must be one plain value",
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("got\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
}

func TestWhatIsNoSingleDocumentOfKeysIsRefused(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":        {"", "list: line 1, column 1: there must be one document; start with version: 1"},
		"two documents":  {"name: a\n---\nname: b\n", "there must be one document"},
		"a list":         {"- a", "the list must be keys with values"},
		"a key twice":    {"name: a\nname: b\n", "line 2, column 1"},
		"broken":         {"name: [a", "list: line 1"},
		"too many bytes": {strings.Repeat("#", document.MaxBytes+1), "are too many: keep it below 262144"},
		"as many as fit": {"name: a\n#" + strings.Repeat("#", document.MaxBytes-9), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := read(tt.text)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzReadNeverPanics(f *testing.F) {
	f.Add("name: a\nsize: 3\ntags: [a, b]\n")
	f.Add("name: &a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, size, _, err := read(text)
		if err == nil && size != 0 && (size < 1 || size > 9) {
			t.Errorf("size %d", size)
		}
	})
}
