package connector

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"crm-connector/pkg/adapter/settings"
)

// What ends with 2 has done nothing, whatever else it was told.
func TestACommandLineThatIsWrongHasDoneNothing(t *testing.T) {
	wrongMapping := file(t, "wrong.yaml", "version: 1\nnonsense: 1\n")
	for _, tt := range []struct {
		name string
		do   func(*bench)
		args []string
		code int
		want string
	}{
		{"a token for a sender who may not call, with no secret stored", func(b *bench) { b.told["CONVERSIONS_JWT_SUBJECTS"] = "erp" },
			[]string{"token", "--subject", "shop", "--scope", "costi:scrivi"}, ExitUsage, "shop is not among CONVERSIONS_JWT_SUBJECTS"},
		{"a token for a sender who may not call, with no pair of keys", func(b *bench) {
			b.told["CONVERSIONS_JWT_SUBJECTS"], b.told["CONVERSIONS_JWT_ALGORITHM"] = "erp", "ES256"
		}, []string{"token", "--subject", "shop", "--scope", "costi:scrivi", "--key", "KEY"}, ExitUsage, "shop is not among CONVERSIONS_JWT_SUBJECTS"},
		{"a mapping that is not there", nil, []string{"setup", "hubspot", "--mapping", "MISSING", "--out", "OUT"}, ExitUsage, "no such file"},
		{"a mapping that is wrong", nil, []string{"setup", "hubspot", "--mapping", wrongMapping, "--out", "OUT"}, ExitFinding, "nonsense"},
		{"a folder that is a file", nil, []string{"setup", "hubspot", "--out", wrongMapping}, ExitUsage, "not a directory"},
	} {
		b := stage(t)
		b.told[issuerSetting] = issuer
		delete(b.vault, settings.HubSpotAccessToken)
		b.env[settings.HubSpotAccessToken] = "sandbox-app"
		if tt.do != nil {
			tt.do(b)
		}
		dir := t.TempDir()
		for i, arg := range tt.args {
			switch arg {
			case "KEY", "MISSING", "OUT":
				tt.args[i] = filepath.Join(dir, arg)
			}
		}
		b.unchanged(tt.name, func() { has(t, b.want(tt.code, tt.args...), tt.want) })
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: %d files are left", tt.name, len(left))
		}
	}
}

func TestAStepThatFailedIsNotToldAsIfItWereDone(t *testing.T) {
	b := stage(t)
	b.told[issuerSetting] = issuer
	first := b.open
	b.opener = func(ctx context.Context, w World, at Where) (*Stack, error) {
		st, err := first(ctx, w, at)
		st.Vault = full{b.vault}
		return st, err
	}
	r := b.run("token")
	if r.code != ExitFinding {
		t.Errorf("exit %d", r.code)
	}
	has(t, r.err, `connector: this step failed: CONVERSIONS_JWT_SECRET is stored as /shop/CONVERSIONS_JWT_SECRET (made just now, shown to nobody): the Parameter Store answers ThrottlingException`)
}
