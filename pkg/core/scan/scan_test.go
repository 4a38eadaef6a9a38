package scan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"crm-connector/pkg/core/scan"
)

func TestJSONRefusesWhatADecoderWouldRepairOrChokeOn(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct {
		name, body string
		want       error
	}{
		{"an empty list", `[]`, nil},
		{"space around", " \t\r\n{} \n", nil},
		{"every kind of value", `{"a":[1,-0.5e+3,true,false,null,"\u00e9\n\"\\\/"],"b":{}}`, nil},
		{"an escaped surrogate pair", `"\ud83d\ude00"`, nil},
		{"32 levels", nested(32), nil},
		{"33 levels", nested(33), scan.ErrDepth},
		{"a bomb of brackets", strings.Repeat("[", 1<<20), scan.ErrDepth},
		{"24 characters of number", `[` + strings.Repeat("1", 24) + `]`, nil},
		{"25 characters of number", `[` + strings.Repeat("1", 25) + `]`, scan.ErrNumber},
		{"a sign counts", `-` + strings.Repeat("1", 24), scan.ErrNumber},
		{"64 kB of string", `"` + strings.Repeat("a", 64<<10) + `"`, nil},
		{"a byte more", `"` + strings.Repeat("a", 64<<10+1) + `"`, scan.ErrString},
		{"64 kB of key", `{"` + strings.Repeat("a", 64<<10) + `":1}`, nil},
		{"a key that is too long", `{"` + strings.Repeat("a", 64<<10+1) + `":1}`, scan.ErrString},
		{"250,000 values", `{"a":[` + strings.Repeat("0,", 249_998) + `0]}`, nil},
		{"a value more", `{"a":[` + strings.Repeat("0,", 249_999) + `0]}`, scan.ErrValues},
		{"as many members of objects", `[` + strings.Repeat(`{"a":0},`, 125_000) + `{}]`, scan.ErrValues},
		{"a key twice", `{"a":1,"a":2}`, scan.ErrDuplicate},
		{"a key twice, once escaped", `{"a":1,"\u0061":2}`, scan.ErrDuplicate},
		{"a key twice, in other case", `{"stato":1,"STATO":2}`, scan.ErrDuplicate},
		{"a key twice, by Go's folding of k", "{\"k\":1,\"\u212a\":2}", scan.ErrDuplicate},
		{"the same key in two objects", `[{"a":1},{"a":2}]`, nil},
		{"the same key one level down", `{"a":{"a":1}}`, nil},
		{"a key of the outer object after an inner one", `{"a":{"b":1},"A":2}`, scan.ErrDuplicate},
		{"a key of the inner object after it", `{"a":{"b":1,"c":{}},"b":2,"c":3}`, nil},
		{"a key twice, with an accent in other case", `{"Città":1,"CITTÀ":2}`, scan.ErrDuplicate},
		{"half a character", "\"\xc3\"", scan.ErrUTF8},
		{"an encoded surrogate", "\"\xed\xa0\x80\"", scan.ErrUTF8},
		{"nothing", ``, scan.ErrSyntax},
		{"two values", `{}{}`, scan.ErrSyntax},
		{"a byte order mark", "\ufeff{}", scan.ErrSyntax},
		{"a trailing comma", `[1,]`, scan.ErrSyntax},
		{"a leading zero", `01`, scan.ErrSyntax},
		{"no digits", `-`, scan.ErrSyntax},
		{"no fraction", `1.`, scan.ErrSyntax},
		{"no exponent", `1e`, scan.ErrSyntax},
		{"a control character", "\"\x01\"", scan.ErrSyntax},
		{"half an escape", `"\u12"`, scan.ErrSyntax},
		{"an unknown escape", `"\x"`, scan.ErrSyntax},
		{"an open string", `"abc`, scan.ErrSyntax},
		{"an open object", `{"a":1`, scan.ErrSyntax},
		{"a key without a value", `{"a"}`, scan.ErrSyntax},
		{"a key that is no string", `{1:2}`, scan.ErrSyntax},
		{"a word", `nul`, scan.ErrSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := scan.JSON([]byte(tt.body), scan.Webhook); !errors.Is(got, tt.want) {
				t.Errorf("JSON = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestALimitThatIsNotSetIsTheWebhooks(t *testing.T) {
	if err := scan.JSON([]byte(strings.Repeat("[", 33)+strings.Repeat("]", 33)), scan.Limits{}); !errors.Is(err, scan.ErrDepth) {
		t.Errorf("JSON = %v, want %v", err, scan.ErrDepth)
	}
	if err := scan.JSON([]byte(`[[1]]`), scan.Limits{Depth: 1}); !errors.Is(err, scan.ErrDepth) {
		t.Errorf("JSON = %v, want %v", err, scan.ErrDepth)
	}
}

func TestALongerTextIsAllowedAndNoLongerKey(t *testing.T) {
	long := `"` + strings.Repeat(`\u00e9`, 100_000) + `"`
	if err := scan.JSON([]byte(`{"a":`+long+`}`), scan.Limits{String: 600_000}); err != nil {
		t.Errorf("a text: %v", err)
	}
	if err := scan.JSON([]byte(`{`+long+`:1}`), scan.Limits{String: 600_000}); !errors.Is(err, scan.ErrString) {
		t.Errorf("a key: %v", err)
	}
}

func TestAKeyIsFoundTwiceAmongHoweverMany(t *testing.T) {
	for _, n := range []int{1, 31, 32, 33, 34, 300} {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"key%d":{"inner":[{"key%d":0}]},`, i, i)
		}
		if err := scan.JSON([]byte(`{`+b.String()+`"last":1}`), scan.Webhook); err != nil {
			t.Errorf("%d different keys: %v", n, err)
		}
		for _, again := range []int{0, n / 2, n - 1} {
			body := fmt.Sprintf(`{%s"KEY%d":1}`, b.String(), again)
			if err := scan.JSON([]byte(body), scan.Webhook); !errors.Is(err, scan.ErrDuplicate) {
				t.Errorf("%d keys, number %d twice: %v", n, again, err)
			}
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e3,"\u00e9",null]}`, `[{"a":1,"A":2}]`, "\"\xff\"", `{"":{"":[]}}`, `[01]`, `"\ud800"`} {
		f.Add([]byte(seed))
	}
	wide := scan.Limits{Depth: 9000, Number: 1 << 30, Key: 1 << 30, String: 1 << 30, Values: 1 << 30}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := scan.JSON(body, wide)
		valid := json.Valid(body) && utf8.Valid(body)
		switch {
		case err == nil && !valid:
			t.Fatal("accepted what is no JSON")
		case err != nil && valid && !errors.Is(err, scan.ErrDuplicate) && !errors.Is(err, scan.ErrDepth):
			t.Fatalf("refused valid JSON: %v", err)
		}
		if strict := scan.JSON(body, scan.Webhook); strict == nil && err != nil {
			t.Fatal("narrow limits accept more than wide ones")
		}
	})
}

func ExampleJSON() {
	err := scan.JSON([]byte(`{"id": 1, "ID": 2}`), scan.Webhook)
	fmt.Println(err)
	// Output: an object has a key twice (byte 14)
}

func BenchmarkJSON(b *testing.B) {
	one := `{"eventId":3000000001,"subscriptionId":4578000,"portalId":148201,"occurredAt":1793707200000,"subscriptionType":"contact.propertyChange",` +
		`"attemptNumber":0,"objectId":151000000001,"propertyName":"jobtitle","propertyValue":"Head of Purchasing","changeSource":"CRM_UI"}`
	body := []byte("[" + strings.Repeat(one+",", 99) + one + "]")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := scan.JSON(body, scan.Webhook); err != nil {
			b.Fatal(err)
		}
	}
}
