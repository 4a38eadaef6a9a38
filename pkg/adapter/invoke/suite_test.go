package invoke_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	runtime "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	service "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/invoke"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/storetest"
)

func TestTheSuiteHolds(t *testing.T) {
	t.Run("in process", func(t *testing.T) {
		storetest.TestFunctions(t, nil, func(t *testing.T) storetest.FunctionLab {
			none := &lambda{status: 404, code: "ResourceNotFoundException"}
			return storetest.FunctionLab{
				Token:   reach(&lambda{function: panicking(run(t, tokens()))}),
				Refresh: reach(&lambda{function: panicking(run(t, refreshes()))}), None: reach(none),
			}
		})
	})
	for _, o := range storetest.Oracles(t, os.Getenv(storetest.OraclesSetting), storetest.MiniStack) {
		t.Run(o.Name, func(t *testing.T) {
			cfg := awsenv.Read(&settings.Reader{Getenv: awstest.Env(awstest.Settings(o.Endpoint))}).Config(awsenv.Lambda)
			token, refresh := deploy(t, cfg, asTokens), deploy(t, cfg, asRefreshes)
			storetest.TestFunctions(t, o.Known(storetest.FunctionSuite), func(*testing.T) storetest.FunctionLab {
				client := awsenv.NewCaller(cfg, awsenv.Lambda, time.Now)
				return storetest.FunctionLab{Token: invoke.New(client, token), Refresh: invoke.New(client, refresh), None: invoke.New(client, "storetest-none")}
			})
		})
	}
}

func tokens() func(context.Context, invoke.Question) (invoke.Answer, error) {
	return invoke.Tokens(storetest.Answers{}, slog.New(slog.DiscardHandler))
}

func refreshes() func(context.Context, invoke.Question) (invoke.Answer, error) {
	return invoke.Refreshes(storetest.Answers{}, slog.New(slog.DiscardHandler))
}

// panicking answers for a function that panics as Lambda does.
func panicking(f func([]byte) ([]byte, bool)) func([]byte) ([]byte, bool) {
	return func(payload []byte) (answer []byte, failed bool) {
		defer func() {
			if p := recover(); p != nil {
				answer, failed = []byte(`{"errorMessage":"`+p.(string)+`","errorType":"string"}`), true
			}
		}()
		return f(payload)
	}
}

// role names the variable by which a deployed copy of this test knows which function it is.
const (
	role        = "STORETEST_FUNCTION"
	asTokens    = "tokens"
	asRefreshes = "refreshes"
)

// TestMain makes a function of the test where Lambda starts it.
func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case asTokens:
		runtime.Start(tokens())
	case asRefreshes:
		runtime.Start(refreshes())
	default:
		os.Exit(m.Run())
	}
}

// deploy makes a function out of this very test and returns its name.
func deploy(t *testing.T, cfg aws.Config, as string) string {
	t.Helper()
	client, name := service.NewFromConfig(cfg), "storetest-"+uuid.NewString()
	_, err := client.CreateFunction(t.Context(), &service.CreateFunctionInput{
		FunctionName: &name, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String("arn:aws:iam::000000000000:role/storetest"),
		Code: &types.FunctionCode{ZipFile: archive(t)}, Environment: &types.Environment{Variables: map[string]string{role: as}},
		Timeout: aws.Int32(30), MemorySize: aws.Int32(256),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteFunction(context.Background(), &service.DeleteFunctionInput{FunctionName: &name}); err != nil {
			t.Error(err)
		}
	})
	if err := service.NewFunctionActiveV2Waiter(client).Wait(t.Context(), &service.GetFunctionInput{FunctionName: &name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	return name
}

// archive returns this program as the bootstrap of a function.
func archive(t *testing.T) []byte {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Open(filepath.Clean(self))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = program.Close() }()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, program); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
