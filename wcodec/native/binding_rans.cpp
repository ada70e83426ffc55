// The rans coder for Python: a decoder that is read array by array, and the loops of the encoder.
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <algorithm>
#include <string>

#include "binding.h"
#include "wcz_rans.h"

namespace wcz {

namespace {

template <typename T>
using Vector = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T>
using Matrix = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Shape = std::tuple<size_t, size_t, size_t, size_t>;

const wcz_rans_path *find_path(const std::string &name) {
    const wcz_rans_path *avx2 = wcz_rans_avx2();
    if (name == "portable" || (name == "fastest" && !avx2)) {
        return &wcz_rans_portable;
    }
    if (avx2 && (name == "avx2" || name == "fastest")) {
        return avx2;
    }
    throw nb::value_error("this processor or build has no such path");
}

class RansDecoder {
public:
    RansDecoder(nb::handle payload, const std::string &path) : payload_(payload) {
        require(wcz_rans_open(&decoder_, find_path(path), payload_.data(), payload_.size()));
    }

    void read_symbols(const Shape &shape, nb::ndarray<nb::ndim<1>, nb::c_contig, nb::device::cpu> out) {
        read(shape, {type_of(out.dtype()), out.data(), nullptr, 0}, out.size());
    }

    void read_scaled(const Shape &shape, Vector<const float> steps, Vector<float> out) {
        read(shape, {WCZ_RANS_FLOAT32, out.data(), steps.data(), steps.size()}, out.size());
    }

    void close() const { require(wcz_rans_close(&decoder_)); }

private:
    static wcz_rans_type type_of(nb::dlpack::dtype dtype) {
        if (dtype == nb::dtype<int8_t>()) {
            return WCZ_RANS_INT8;
        }
        if (dtype == nb::dtype<int16_t>()) {
            return WCZ_RANS_INT16;
        }
        if (dtype == nb::dtype<int32_t>()) {
            return WCZ_RANS_INT32;
        }
        throw nb::type_error("symbols are int8, int16 or int32");
    }

    void read(const Shape &lengths, const wcz_rans_sink &sink, size_t elements) {
        const wcz_rans_shape shape = {std::get<0>(lengths), std::get<1>(lengths), std::get<2>(lengths),
                                      std::get<3>(lengths)};
        size_t needed = wcz_rans_scratch(&shape);
        if (needed == 0 || shape.rows * shape.channels * shape.kernel != elements) {
            throw nb::value_error("`out` does not have the elements of the shape");
        }
        nb::gil_scoped_release unlocked;
        if (needed > scratch_size_) {
            scratch_ = allocate(needed);
            scratch_size_ = needed;
        }
        require(wcz_rans_read(&decoder_, &shape, &sink, scratch_.get(), scratch_size_));
    }

    Payload payload_;
    wcz_rans_decoder decoder_;
    std::unique_ptr<uint8_t[]> scratch_;
    size_t scratch_size_ = 0;
};

nb::bytes adaptive_encode(Vector<const uint8_t> models, Vector<const int32_t> values) {
    if (models.size() != values.size()) {
        throw nb::value_error("a model for each value");
    }
    std::unique_ptr<uint8_t[]> out;
    size_t written = 0;
    {
        nb::gil_scoped_release unlocked;
        const uint64_t capacity = 64 * static_cast<uint64_t>(values.size()) + 68;
        out = allocate(capacity);
        require(wcz_adaptive_encode(models.data(), values.data(), values.size(), out.get(), capacity, &written));
    }
    return nb::bytes(out.get(), written);
}

struct Bands {
    Vector<const int32_t> near_a, near_b, row_scale, column_scale;
    size_t lanes;

    // The kernel's view; the number of symbols has been compared with it.
    wcz_rans_bands view(size_t symbols) const {
        const size_t columns = column_scale.size(), rows = row_scale.size();
        if (near_a.size() != columns || near_b.size() != columns || lanes == 0 ||
            symbols != (rows + lanes - 1) / lanes * lanes * columns) {
            throw nb::value_error("the bands do not fit the symbols");
        }
        return {rows, columns, lanes, near_a.data(), near_b.data(), row_scale.data(), column_scale.data()};
    }
};

void rans_pack(Matrix<const int32_t> values, size_t lanes, Vector<int8_t> symbols) {
    const size_t rows = values.shape(0), columns = values.shape(1);
    if (lanes == 0 || symbols.size() != (rows + lanes - 1) / lanes * lanes * columns) {
        throw nb::value_error("the bands do not fit the symbols");
    }
    nb::gil_scoped_release unlocked;
    require(wcz_rans_pack(values.data(), rows, columns, lanes, symbols.data()));
}

void rans_count(Vector<const int8_t> symbols, const Bands &bands, Vector<uint32_t> counts) {
    const wcz_rans_bands view = bands.view(symbols.size());
    if (counts.size() != WCZ_RANS_CLASSES * 9 * 256) {
        throw nb::value_error("counts are 16 x 9 x 256");
    }
    nb::gil_scoped_release unlocked;
    require(wcz_rans_count(symbols.data(), &view, counts.data()));
}

nb::tuple rans_weigh(Vector<const uint32_t> counts, Vector<uint8_t> merged, Vector<uint32_t> tables) {
    if (counts.size() != WCZ_RANS_CLASSES * 9 * 256 || merged.size() != WCZ_RANS_CLASSES ||
        tables.size() != WCZ_RANS_CLASSES * WCZ_RANS_CONTEXTS * 256) {
        throw nb::value_error("counts are 16 x 9 x 256, merged 16, tables 16 x 5 x 256");
    }
    wcz_rans_contexts best;
    {
        nb::gil_scoped_release unlocked;
        require(wcz_rans_weigh(counts.data(), &best, tables.data()));
    }
    std::copy(best.merged, best.merged + WCZ_RANS_CLASSES, merged.data());
    return nb::make_tuple(best.choice, best.bits);
}

nb::bytes rans_encode(Vector<const int8_t> symbols, const Bands &bands, Vector<const uint16_t> frequencies) {
    const wcz_rans_bands view = bands.view(symbols.size());
    if (frequencies.size() != WCZ_RANS_CLASSES * WCZ_RANS_CONTEXTS * 256) {
        throw nb::value_error("frequencies are 16 x 5 x 256");
    }
    const uint64_t capacity = 2 * static_cast<uint64_t>(symbols.size()) + 4 * WCZ_RANS_LANES;
    std::unique_ptr<uint8_t[]> out;
    size_t start = 0;
    {
        nb::gil_scoped_release unlocked;
        out = allocate(capacity);
        require(wcz_rans_encode(symbols.data(), &view, frequencies.data(), out.get(), capacity, &start));
    }
    return nb::bytes(out.get() + start, capacity - start);
}

void rans_smooth(Matrix<const int32_t> costs, Vector<const int32_t> moves, Vector<uint8_t> path) {
    const size_t count = costs.shape(0);
    if (costs.shape(1) != WCZ_RANS_CLASSES || moves.size() != WCZ_RANS_CLASSES || path.size() != count) {
        throw nb::value_error("costs are (n, 16), moves (16,), the path (n,)");
    }
    nb::gil_scoped_release unlocked;
    std::unique_ptr<uint8_t[]> back = allocate(WCZ_RANS_CLASSES * static_cast<uint64_t>(count));
    require(wcz_rans_smooth(costs.data(), count, moves.data(), back.get(), path.data()));
}

}  // namespace

void bind_rans(nb::module_ &module) {
    using namespace nb::literals;
    nb::class_<RansDecoder>(module, "RansDecoder")
        .def(nb::init<nb::handle, const std::string &>(), "payload"_a, "path"_a = "fastest")
        .def("read_symbols", &RansDecoder::read_symbols, "shape"_a, "out"_a.noconvert())
        .def("read_scaled", &RansDecoder::read_scaled, "shape"_a, "steps"_a.noconvert(), "out"_a.noconvert())
        .def("close", &RansDecoder::close);
    nb::class_<Bands>(module, "RansBands")
        .def("__init__",
             [](Bands *self, Vector<const int32_t> near_a, Vector<const int32_t> near_b,
                Vector<const int32_t> row_scale, Vector<const int32_t> column_scale, size_t lanes) {
                 new (self) Bands{near_a, near_b, row_scale, column_scale, lanes};
             },
             "near_a"_a, "near_b"_a, "row_scale"_a, "column_scale"_a, "lanes"_a);
    module.def("adaptive_encode", &adaptive_encode, "models"_a.noconvert(), "values"_a.noconvert());
    module.def("rans_pack", &rans_pack, "values"_a.noconvert(), "lanes"_a, "symbols"_a.noconvert());
    module.def("rans_count", &rans_count, "symbols"_a.noconvert(), "bands"_a, "counts"_a.noconvert());
    module.def("rans_weigh", &rans_weigh, "counts"_a.noconvert(), "merged"_a.noconvert(), "tables"_a.noconvert());
    module.def("rans_encode", &rans_encode, "symbols"_a.noconvert(), "bands"_a, "frequencies"_a.noconvert());
    module.def("rans_smooth", &rans_smooth, "costs"_a.noconvert(), "moves"_a.noconvert(), "path"_a.noconvert());
}

}  // namespace wcz
