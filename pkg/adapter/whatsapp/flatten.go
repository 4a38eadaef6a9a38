package whatsapp

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"crm-connector/pkg/core/chat"
)

// flatten returns the leaves of a JSON value under their paths, in the order of their names: at most most of them, each cut.
// It is for what has no fixed shape: forms, and events that nobody knows yet. What is no JSON has none.
func flatten(raw []byte, most int) []chat.Detail {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	f := flattening{most: most}
	f.walk("", v)
	return f.out
}

type flattening struct {
	most int
	out  []chat.Detail
}

func (f *flattening) walk(path string, v any) {
	if len(f.out) >= f.most {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			f.walk(under(path, loose(name).short(maxWord)), v[name])
		}
	case []any:
		for i, one := range v {
			f.walk(under(path, strconv.Itoa(i)), one)
		}
	case string:
		f.leaf(path, loose(v))
	case json.Number:
		f.leaf(path, loose(v))
	case bool:
		f.leaf(path, loose(strconv.FormatBool(v)))
	}
}

// maxDepthName bounds the name of a leaf that lies deep.
const maxDepthName = 200

func (f *flattening) leaf(path string, text loose) {
	if text != "" {
		f.out = append(f.out, chat.Detail{Name: loose(path).short(maxDepthName), Value: loose(text.short(maxName)).value()})
	}
}

func under(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
