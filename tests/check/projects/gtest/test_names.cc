#include "preload/heapdelta.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

std::string *make_name(int number)
{
    std::string text = "a name that is longer than what fits, number " + std::to_string(number);

    return new std::string(text);
}

std::vector<std::string *> &registry()
{
    static auto &names = *new std::vector<std::string *>;
    return names;
}

TEST(Names, AreMade)
{
    std::string *name = make_name(1);

    EXPECT_EQ(name->back(), '1');
    delete name;
}

TEST(Names, AreLong)
{
    std::string *name = make_name(2);

    EXPECT_GT(name->size(), 20u);
    delete name;
}

TEST(Names, AreForgotten)
{
    EXPECT_EQ(make_name(3)->back(), '3');
}

// Nothing is lost, but each run keeps a name more: seen if tests are repeated within a process.
TEST(Registry, Keeps)
{
    registry().push_back(make_name(4));
    EXPECT_FALSE(registry().empty());
}

// A round is one repetition of all tests, --gtest_repeat=N.
class EndsRounds : public testing::EmptyTestEventListener {
    void OnTestIterationEnd(const testing::UnitTest &, int) override
    {
        heapdelta_mark("iteration");
    }
};

} // namespace

int main(int argc, char **argv)
{
    testing::InitGoogleTest(&argc, argv);
    testing::UnitTest::GetInstance()->listeners().Append(new EndsRounds);
    return RUN_ALL_TESTS();
}
