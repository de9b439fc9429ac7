package secret_test

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/internal/secret"
)

func ExampleNames_Text() {
	fmt.Println(secret.Known.Text("see http://user:password@an.example/?page=2&access_token=abc"))
	fmt.Println(secret.Known.Header("Authorization", "Bearer abc"))
	fmt.Println(secret.Known.Form("grant_type=password&username=u&password=p"))
	// Output:
	// see http://user:xxxxx@an.example/?page=2&access_token=xxxxx
	// Bearer xxxxx
	// grant_type=password&username=u&password=xxxxx
}
