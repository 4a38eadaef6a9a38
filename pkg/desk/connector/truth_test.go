package connector

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/core/crm"
)

func TestDoctorLooksAtTheStackAndNotAtTheShell(t *testing.T) {
	b := stage(t)
	b.told["ZOHO_ACCOUNTS_URL"], b.told["ZOHO_CLIENT_ID"] = "https://accounts.zoho.com", "1000.TYPO"
	b.want(ExitFinding, "doctor")
	b.env["ZOHO_ACCOUNTS_URL"], b.env["ZOHO_CLIENT_ID"] = "https://accounts.zoho.eu", zohotest.DefaultClientID
	before := b.grants()
	out := b.want(ExitFinding, "doctor")
	has(t, out, "fault  zoho.token", "note   environment          ZOHO_ACCOUNTS_URL in the environment of this command is not gone by: the functions are told another",
		"note   environment          ZOHO_CLIENT_ID in the environment")
	hasNot(t, out, "1000.TYPO", zohotest.DefaultClientID, "all is well")
	if b.grants() != before {
		t.Error("a token that the stack cannot make itself is asked for, and put into its table")
	}
}

func TestASecretOfTheShellHidesNoneThatTheStackLacks(t *testing.T) {
	b := stage(t)
	b.env[settings.HubSpotAccessToken] = b.vault[settings.HubSpotAccessToken].Reveal()
	b.env[settings.ZohoChannelToken] = b.vault[settings.ZohoChannelToken].Reveal()
	hasNot(t, b.want(ExitOK, "doctor"), "environment")
	delete(b.vault, settings.HubSpotAccessToken)
	b.vault[settings.ZohoChannelToken] = crm.NewSecret("another-channel-token")
	out := b.want(ExitFinding, "doctor")
	has(t, out, "fault  secrets              HUBSPOT_ACCESS_TOKEN is missing", "HUBSPOT_ACCESS_TOKEN in the environment or the secret file of this command is not gone by",
		"ZOHO_CHANNEL_TOKEN in the environment or the secret file of this command is not gone by: the stack has another stored")
	hasNot(t, out, "sandbox-app", "sandbox-channel-token")
}

func TestAModeOfTheShellIsNotTheStacks(t *testing.T) {
	b := stage(t)
	delete(b.told, "MODE")
	b.env["MODE"] = "on"
	out := b.want(ExitOK, "mode")
	has(t, out, "off: the mode in which the stack started", "connector: MODE in the environment of this command is not gone by: the functions are told none")
	b.unchanged("sync of a stack that is off", func() {
		has(t, b.want(ExitFinding, "sync", "hubspot", "151"), "the stack is off")
	})
	if r := b.run("mode", "--json"); !strings.Contains(r.out, `"differences": [`) || !strings.Contains(r.out, "MODE in the environment") {
		t.Errorf("%s", r.out)
	}
}

func TestWhatASetupIsGivenAheadOfADeploymentIsUsedAndNamed(t *testing.T) {
	b := stage(t)
	b.told["ZOHO_CLIENT_ID"] = "1000.older"
	b.env["ZOHO_CLIENT_ID"], b.env["ZOHO_CHANNEL_ID"] = zohotest.DefaultClientID, "4711"

	out := b.want(ExitOK, "setup", "zoho")
	has(t, out, "as is  channel "+channel, "ZOHO_CLIENT_ID in the environment of this command goes before another that the functions are told: deploy with it",
		"ZOHO_CHANNEL_ID in the environment of this command is not gone by")
}

func TestATokenIsMadeForTheDoorThatStands(t *testing.T) {
	b := stage(t)
	b.told[issuerSetting] = issuer
	b.want(ExitOK, "token")
	b.env[issuerSetting] = "https://elsewhere.example.com"
	out := b.want(ExitOK, "token", "--subject", "shop", "--scope", "costi:scrivi")
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(strings.Fields(out)[0], ".")[1])
	if err != nil || !strings.Contains(string(claims), `"iss":"`+issuer+`"`) {
		t.Errorf("%s, %v", claims, err)
	}
	has(t, out, "CONVERSIONS_JWT_ISSUER in the environment of this command is not gone by")
}

func TestACommandThatCannotReadTheSettingsDoesNothing(t *testing.T) {
	for _, line := range []string{"setup key", "setup zoho", "setup hubspot", "mode", "mode set on", "sync hubspot 151", "link 151 4876876000000333013", "import", "token", "conversions senders"} {
		b := stage(t)
		b.want(ExitOK, "pause")
		b.Clock.Advance(rest)
		b.silent = errors.New("the function shop-webhook answers AccessDeniedException")
		b.unchanged(line, func() {
			args := strings.Fields(line)
			if line == "setup hubspot" {
				args = append(args, "--out", t.TempDir())
			}
			has(t, b.want(ExitFinding, args...), "what the functions are told cannot be read, so nothing was done: the function shop-webhook answers AccessDeniedException", "lambda:GetFunctionConfiguration")
		})
	}
}

func TestDoctorNamesTheCallThatItMayNotMakeAndNothingThatFollows(t *testing.T) {
	b := stage(t)
	b.silent = errors.New("the function shop-webhook answers AccessDeniedException")
	out := b.want(ExitFinding, "doctor")
	has(t, out, "fault  functions            what they are told cannot be read: the function shop-webhook answers AccessDeniedException", "lambda:GetFunctionConfiguration",
		"ok     secrets", "ok     tables", "ok     zoho-operations", "skip   settings", "skip   mode", "\n1 fault\n")
}

func TestWhatNeedsNoSettingIsDoneWithoutThem(t *testing.T) {
	b := stage(t)
	b.silent = errors.New("the function shop-webhook answers AccessDeniedException")
	for _, line := range []string{"redrive", "quarantine list", "parked list", "erase hubspot 151"} {
		b.want(ExitOK, strings.Fields(line)...)
	}
}

func TestTheSecretFileGoesBeforeTheEnvironment(t *testing.T) {
	b := stage(t)
	b.env[settings.HubSpotClientSecret] = "stale-of-the-shell"
	b.want(ExitOK, "setup", "hubspot", "--out", t.TempDir(), "--secret-file", file(t, "secrets.env", "HUBSPOT_CLIENT_SECRET=new-of-the-file\n"))
	if got := b.vault[settings.HubSpotClientSecret].Reveal(); got != "new-of-the-file" {
		t.Errorf("%s is stored", got)
	}
}

func TestDoctorSaysWhereSESDeliversToVerifiedAddressesAlone(t *testing.T) {
	b := stage(t)
	b.told["REPORT_TO"], b.strange = "client@example.com", []string{"client@example.com"}
	hasNot(t, b.want(ExitOK, "doctor"), "mail.receivers")
	b.told["REPORT_TO"] = "client@example.com,second@acme.example"
	hasNot(t, b.want(ExitOK, "doctor"), "mail.receivers")
	b.sandboxed = true
	for to, strange := range map[string]string{"client@acme.example": "acme.example", "client@example.com": "client@example.com"} { // by itself; by the domain that is the sender's too
		b.told["REPORT_TO"], b.strange = to, []string{strange}
		has(t, b.want(ExitOK, "doctor"), "note   mail.receivers       SES is in its sandbox: it delivers to what is verified, as REPORT_TO is")
	}
	b.unasked = errors.New("SES answers AccessDeniedException")
	out := b.want(ExitOK, "doctor")
	has(t, out, "note   mail.receivers       whether SES delivers to addresses that it has not verified is not known: SES answers AccessDeniedException", "ses:GetAccount")
	hasNot(t, out, "client@example.com")
}
