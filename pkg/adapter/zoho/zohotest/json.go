package zohotest

import (
	"encoding/json"
	"slices"
	"strconv"
)

// appendJSON writes what json.Marshal makes of v, several times as fast for what answers are made of: maps of few keys and
// plain texts.
func appendJSON(to []byte, v any) ([]byte, error) {
	switch x := v.(type) {
	case nil:
		return append(to, "null"...), nil
	case bool:
		return strconv.AppendBool(to, x), nil
	case int:
		return strconv.AppendInt(to, int64(x), 10), nil
	case string:
		return appendText(to, x), nil
	case []any:
		return appendList(to, x)
	case map[string]any:
		return appendObject(to, x)
	}
	raw, err := json.Marshal(v)
	return append(to, raw...), err
}

func appendList(to []byte, list []any) ([]byte, error) {
	if list == nil {
		return append(to, "null"...), nil
	}
	var err error
	to = append(to, '[')
	for i, v := range list {
		if i > 0 {
			to = append(to, ',')
		}
		if to, err = appendJSON(to, v); err != nil {
			return to, err
		}
	}
	return append(to, ']'), nil
}

func appendObject(to []byte, object map[string]any) ([]byte, error) {
	if object == nil {
		return append(to, "null"...), nil
	}
	var space [32]string
	names := space[:0]
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	var err error
	to = append(to, '{')
	for i, name := range names {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(appendText(to, name), ':')
		if to, err = appendJSON(to, object[name]); err != nil {
			return to, err
		}
	}
	return append(to, '}'), nil
}

func appendText(to []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			raw, _ := json.Marshal(s) // a string always marshals
			return append(to, raw...)
		}
	}
	return append(append(append(to, '"'), s...), '"')
}
