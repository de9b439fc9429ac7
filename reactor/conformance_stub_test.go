package reactor_test
var timeCases, threadCases, lifeCases []conformanceCase
