package zohotest

import (
	"encoding/json"
	"testing"
)

func TestAnswersAreWrittenAsMarshalWritesThem(t *testing.T) {
	for _, v := range []any{
		nil, true, false, 0, -7, 1 << 40, "", "plain", "à", "a\"b\\c<d>&e\n\x7f", "\xff", "\u2028", json.Number("1.50"), []string{"a", "<"}, []string(nil),
		[]any(nil), []any{}, []any{nil, "x", []any{1}}, map[string]any(nil), map[string]any{}, 1.5, int64(9), map[string]string{"b": "1", "a": "2"},
		map[string]any{"b": map[string]any{"z": nil, "id": "1"}, "a<": []any{true, json.Number("3")}, "ü": "v"},
	} {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := appendJSON([]byte("before "), v)
		if err != nil || string(got) != "before "+string(want) {
			t.Errorf("%#v is written as %s (%v), not as %s", v, got, err, want)
		}
	}
	if _, err := appendJSON(nil, map[string]any{"a": []any{func() {}}}); err == nil {
		t.Error("a function is written")
	}
}
